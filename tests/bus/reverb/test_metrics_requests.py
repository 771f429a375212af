"""Questions between Revurb nodes and PHP nodes: all four kinds, both ways."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import pytest

from revurb.bus.redis.pubsub_listener import PubSubListener
from revurb.bus.reverb import metrics_requests
from revurb.bus.reverb.metrics_answers import MetricsAnswers
from revurb.bus.reverb.metrics_messages import MetricsQuestion
from revurb.pusher.ports import ChannelState, Member
from tests.bus.engines import APP, DEADLINE_S, BusNode, resolve
from tests.bus.reverb.conftest import MixedCluster
from tests.bus.reverb.php_node import captured

ANN = Member("1", b'"1"', b"null")
TWO = Member("2", b"2", b'{"a":1}')


async def two_nodes(mixed: MixedCluster) -> list[BusNode]:
    """A Revurb node with three connections and one with two, on some channels."""
    one, other = await mixed.node(), await mixed.node()
    for node, connections in ((one, 3), (other, 2)):
        for _ in range(connections):
            await resolve(node.bus.admit(APP, None))
        await node.enter("pub")
        await node.enter("presence-r", ANN)
    await other.enter("presence-r", TWO)
    await other.enter("private-x")
    return [one, other]


def by_size(answers: list[Any]) -> list[Any]:
    return sorted(answers, key=lambda answer: (len(json.dumps(answer)), json.dumps(answer)))


async def asks(mixed: MixedCluster, name: str) -> list[Any]:
    """What a PHP node gets from the other nodes. As many answers came as PUBLISH reached subscribers, and no more."""
    await two_nodes(mixed)
    php_node = await mixed.php()
    receivers, answers = await php_node.question(captured(name))
    assert receivers == 3
    assert len(answers) == 3
    own = [[], {"occupied": False}, {"pub": [], "presence-r": [], "nobody": []}]
    answers.remove(next(answer for answer in own if answer in answers))
    return by_size(answers)


async def test_connections(mixed: MixedCluster) -> None:
    answers = await asks(mixed, "12-metrics-connections-1")
    assert [len(answer) for answer in answers] == [2, 3]
    assert len({**answers[0], **answers[1]}) == 5


async def test_channel(mixed: MixedCluster) -> None:
    assert await asks(mixed, "13-metrics-channel-1") == [{"occupied": True, "subscription_count": 1}] * 2


async def test_presence_channel(mixed: MixedCluster) -> None:
    answers = await asks(mixed, "14-metrics-channel-presence-1")
    assert answers == [{"occupied": True, "user_count": 1}, {"occupied": True, "user_count": 2}]


async def test_channel_that_is_not_there(mixed: MixedCluster) -> None:
    assert await asks(mixed, "15-metrics-channel-unoccupied-1") == [{"occupied": False}] * 2


async def test_channels(mixed: MixedCluster) -> None:
    answers = await asks(mixed, "16-metrics-channels-1")
    assert answers == [{"pub": [], "presence-r": []}, {"pub": [], "presence-r": [], "private-x": []}]


async def test_channels_by_prefix(mixed: MixedCluster) -> None:
    answers = await asks(mixed, "17-metrics-channels-filter-1")
    assert sorted(answer["presence-r"]["user_count"] for answer in answers) == [1, 2]
    assert all(list(answer) == ["presence-r"] for answer in answers)


async def test_channels_by_name(mixed: MixedCluster) -> None:
    answers = await asks(mixed, "18-metrics-channels-list-2")
    for answer, users in zip(answers, (1, 2), strict=True):
        assert answer == {
            "pub": {"subscription_count": 1},
            "presence-r": {"user_count": users},
            "nobody": [],
        }


async def test_channel_users(mixed: MixedCluster) -> None:
    assert await asks(mixed, "20-metrics-channel-users-1") == [[{"id": "1"}], [{"id": "1"}, {"id": 2}]]


@pytest.mark.parametrize("kind", ["NEW_KIND", "CHANNEL"])
async def test_even_a_question_that_makes_no_sense_is_answered_once(mixed: MixedCluster, kind: str) -> None:
    """For the PHP node that asks waits. It is not one that PHP has, so no PHP node listens here."""
    node = await mixed.node()
    async with mixed.server.client() as client, client.pubsub() as pubsub:
        await pubsub.subscribe("reverb")
        question = captured("23-metrics-connections-empty-1").replace(
            rb"E:54:\"Laravel\\Reverb\\Protocols\\Pusher\\MetricType:CONNECTIONS\"",
            rb"E:%d:\"Laravel\\Reverb\\Protocols\\Pusher\\MetricType:%b\"" % (43 + len(kind), kind.encode()),
        )
        await client.publish("reverb", question)
        await client.publish("reverb", b'{"type":"AAAAAAAAAA","payload":[]}')
        received = []
        async for message in pubsub.listen():
            if message["type"] == "message" and message["data"] != question:
                received.append(message["data"])
                if len(received) == 2:
                    break
    assert b'{"type":"5zYVXCeCHI","payload":[]}' in received
    assert mixed.bridges[node].invalid_messages == 0


# The other way: what a Revurb node is asked for is added up with what PHP nodes have.


async def among_php(mixed: MixedCluster) -> BusNode:
    one, _ = await two_nodes(mixed)
    await mixed.php(s_1={"pub": None, "presence-r": "1"}, s_2={"presence-r": "9", "far": None})
    await mixed.php(s_3={"pub": None}, s_4={"presence-far": "7"})
    return one


async def test_all_connections(mixed: MixedCluster) -> None:
    assert await resolve((await among_php(mixed)).bus.connections(APP)) == 5 + 4


async def test_nobody_waits_longer_than_for_the_last_answer(
    mixed: MixedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_requests, "DEADLINE_S", 60.0)
    node = await among_php(mixed)
    async with asyncio.timeout(DEADLINE_S):
        assert await resolve(node.bus.connections(APP)) == 5 + 4


async def test_all_channels(mixed: MixedCluster) -> None:
    node = await among_php(mixed)
    found = await resolve(node.bus.channels(APP, ""))
    assert {name: (state.subscription_count, state.user_count) for name, state in found.items()} == {
        "pub": (2 + 2, 0),
        "presence-r": (3 + 2, 2 + 2),
        "private-x": (1, 0),
        "far": (1, 0),
        "presence-far": (1, 1),
    }
    assert set(await resolve(node.bus.channels(APP, "presence-"))) == {"presence-r", "presence-far"}


async def test_some_channels(mixed: MixedCluster) -> None:
    node = await among_php(mixed)
    states = await resolve(node.bus.describe(APP, ["far", "pub", "nobody", "pub"]))
    assert [state.subscription_count for state in states] == [1, 4, 0, 4]
    assert await resolve(node.bus.describe(APP, [])) == []


async def test_all_members(mixed: MixedCluster) -> None:
    node = await among_php(mixed)
    members = await resolve(node.bus.members(APP, "presence-r"))
    assert {member.user_id: member.id_json for member in members} == {"1": b'"1"', "2": b"2", "9": b'"9"'}
    assert [member.user_id for member in await resolve(node.bus.members(APP, "presence-far"))] == ["7"]


async def test_many_questions_at_once_are_all_answered(mixed: MixedCluster) -> None:
    """A PHP node waits up to 10 s for an answer that does not come."""
    node = await mixed.node()
    php_node = await mixed.php()
    question, keys = captured("23-metrics-connections-empty-1"), [f"{number:010}" for number in range(50)]
    async with mixed.server.client() as client, client.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.publish("reverb", question.replace(b"5zYVXCeCHI", key.encode()))
        await pipeline.execute()
    await php_node.until(
        lambda: all(len(php_node.of_type(key)) == 2 for key in keys)
    )  # its own and the node's
    assert mixed.bridges[node].unanswered == 0


async def test_a_question_that_cannot_be_answered_gets_an_empty_answer(
    mixed: MixedCluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault of this node is not to hold the PHP node up; the log says which it was."""

    def fail(self: MetricsAnswers, metric: MetricsQuestion) -> bytes:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(MetricsAnswers, "answer", fail)
    await mixed.node()
    php_node = await mixed.php()
    assert await php_node.question(captured("23-metrics-connections-empty-1")) == (2, [[], []])
    [warning] = [record for record in caplog.records if "not answered" in record.message]
    assert warning.__dict__["reason"] == "a fault of ours"


async def test_who_does_not_answer_is_not_waited_for_long(
    mixed: MixedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_requests, "DEADLINE_S", 0.3)
    one, _ = await two_nodes(mixed)
    await mixed.php(s_1={"pub": None})
    async with mixed.server.client() as stranger, stranger.pubsub() as pubsub:
        await pubsub.subscribe("reverb")
        await mixed.sees(one, 2)
        assert await resolve(one.bus.connections(APP)) == 5 + 1


async def test_an_outage_ends_a_question(mixed: MixedCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's answer can come any more: the API answers with what this node knows."""
    monkeypatch.setattr(metrics_requests, "DEADLINE_S", 60.0)
    monkeypatch.setattr("revurb.bus.brokered.brokered_bus.BROKER_WAIT_S", 0.1)
    node = await mixed.node()
    await resolve(node.bus.admit(APP, None))
    async with mixed.server.client() as stranger, stranger.pubsub() as pubsub:
        await pubsub.subscribe("reverb")
        await mixed.sees(node, 1)
        counting = asyncio.create_task(resolve(node.bus.connections(APP)))
        await node.until(lambda: mixed.bridges[node]._requests._pending)
        await mixed.outage()
        async with asyncio.timeout(DEADLINE_S):
            assert await counting == 1


async def test_answers_that_are_none_are_counted(
    mixed: MixedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_requests, "DEADLINE_S", 0.5)
    one, _ = await two_nodes(mixed)
    async with mixed.server.client() as stranger, stranger.pubsub() as pubsub:
        await pubsub.subscribe("reverb")
        await mixed.sees(one, 1)
        task = asyncio.create_task(resolve(one.bus.connections(APP)))
        async for message in pubsub.listen():
            if message["type"] == "message" and b'"metrics"' in message["data"]:
                question = json.loads(message["data"])["payload"]
                key = question.partition('key";s:10:"')[2][:10]
                for payload in (b"5", b'"x"', b"null", b'{"9.9":{}}'):
                    await stranger.publish("reverb", b'{"type":"%b","payload":%b}' % (key.encode(), payload))
                break
        assert await task == 5 + 1
    assert one.bus.health.invalid == 3
    assert one.bus.health.php_nodes == 1


@pytest.mark.parametrize(
    "answer",
    [{}, [], {"pub": 5}, {"pub": {"subscription_count": "x"}}, {"pub": {"user_count": True}}, [[[]]]],
)
def test_odd_answers_say_nothing(answer: Any) -> None:
    (state,) = metrics_requests.add_states(["pub"], [ChannelState(1)], [answer])
    assert state == ChannelState(1)
    assert metrics_requests.add_members(
        [ANN], [answer, [{"id": None}, {"id": [1]}, 5], {"0": {"id": "1"}}]
    ) == [ANN]


async def test_a_question_may_come_with_the_subscription(
    mixed: MixedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    php_node = await mixed.php()
    really_open = PubSubListener.open
    answered: list[tuple[int, list[Any]]] = []

    async def opened(listener: PubSubListener, channels: Iterable[str]) -> None:
        channels = tuple(channels)
        await really_open(listener, channels)
        if "reverb" in channels:
            answered.append(await php_node.question(captured("23-metrics-connections-empty-1")))

    monkeypatch.setattr(PubSubListener, "open", opened)
    await mixed.node()
    assert answered == [(2, [[], []])]


async def test_whoever_comes_or_goes_answers_what_counts_on_it(mixed: MixedCluster) -> None:
    """PUBLISH says how many heard a question, and PHP waits for all of them: also where one has just subscribed, or is
    about to go."""
    php_node = await mixed.php()
    await mixed.node()
    question = captured("23-metrics-connections-empty-1")
    asking_on = True

    async def ask_on() -> None:
        number = 0
        while asking_on:
            number += 1
            key = b"%010d" % number
            receivers, answers = await php_node.question(question.replace(b"5zYVXCeCHI", key))
            assert len(answers) == receivers

    asker = asyncio.create_task(ask_on())
    for _ in range(10):
        node = await mixed.node()
        mixed.nodes.remove(node)
        mixed._ticking.pop(node).cancel()
        await node.bus.stop()
    asking_on = False
    await asker
