"""What every engine does about facts: rule 10 of the bus. Each is made once, where it is decided, and is sent by one
node at a time."""

import asyncio

import pytest

from revurb.bus.brokered import brokered_bus
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.facts import (
    CACHE_MISSES,
    CLIENT_EVENT,
    COUNT_EVENTS,
    COUNTS,
    MEMBERS,
    OCCUPANCY,
    SUBSCRIPTION_COUNT,
    Fact,
)
from tests.bus.engines import ANN, APP, BOB, DEADLINE_S, ROOM, BusNode, Cluster, NodeGroup, resolve

ALL = {APP: OCCUPANCY | MEMBERS | CACHE_MISSES | COUNTS}
STATE = {APP: OCCUPANCY | MEMBERS}


def sender_of(cluster: Cluster) -> BusNode | None:
    senders = [node for node in cluster.nodes if node.is_sending]
    assert len(senders) < 2
    return senders[0] if senders else None


async def the_sender(cluster: Cluster) -> BusNode:
    """The node that sends, once there is one."""
    await cluster.nodes[0].until(lambda: sender_of(cluster))
    sender = sender_of(cluster)
    assert sender is not None
    return sender


async def test_each_change_that_is_wanted_is_told_once(any_cluster: NodeGroup) -> None:
    any_cluster.wanted = ALL
    node = await any_cluster.node()
    for _ in range(2):
        await node.enter(ROOM, ANN)
    await node.enter(ROOM, BOB)
    await node.enter("cache-news", want_cached=True)
    node.bus.leave(APP, ROOM, "ann")
    node.bus.leave(APP, ROOM, "ann")
    node.bus.leave(APP, ROOM, "bob")
    node.bus.leave(APP, "cache-news", None)
    await node.until(lambda: ("channel_vacated", "cache-news") in node.told() and len(node.told(ROOM)) >= 6)
    assert node.told(ROOM) == [
        ("channel_occupied", ""),
        ("member_added", "ann"),
        ("member_added", "bob"),
        ("member_removed", "ann"),
        ("member_removed", "bob"),
        ("channel_vacated", ""),
    ]
    kinds = [kind for kind, channel in node.told() if channel == "cache-news"]
    assert (kinds[0], kinds[-1]) == ("channel_occupied", "channel_vacated")
    assert sorted(kinds[1:-1]) == ["cache_miss", "subscription_count"]
    ids = [id for id, _ in node.facts]
    assert len(set(ids)) == len(ids)
    assert max(map(len, ids)) <= 100


async def test_what_is_not_wanted_is_not_told(any_cluster: NodeGroup) -> None:
    any_cluster.wanted = {APP: MEMBERS, "other": OCCUPANCY}
    node = await any_cluster.node()
    await node.enter("cache-news", want_cached=True)
    await node.enter("#server-to-user-ann", ANN)
    await node.enter(ROOM, ANN)
    await node.until(lambda: node.facts)
    assert node.told() == [("member_added", ROOM)]


async def test_a_recorded_fact_is_sent_with_the_others(any_cluster: NodeGroup) -> None:
    any_cluster.wanted = STATE
    node = await any_cluster.node()
    await node.enter("private-a")
    fact = Fact(CLIENT_EVENT, APP, "private-a", 5, "ann", 0, "client-x", '{"a":"\u20ac"}', "1.2")
    node.bus.record(fact)
    await node.until(lambda: len(node.facts) == 2)
    assert [each.fact.kind for each in node.facts] == ["channel_occupied", "client_event"]
    assert node.facts[1].fact == fact


async def test_subscribers_and_servers_are_told_how_many_there_are(any_cluster: NodeGroup) -> None:
    any_cluster.wanted = {APP: COUNTS | COUNT_EVENTS}
    node = await any_cluster.node()
    await node.enter()
    await node.until(lambda: node.received)
    assert node.texts() == [MEMBER_EVENTS.counted("news", 1)]
    await node.enter()
    await node.until(lambda: node.received)
    node.bus.leave(APP, "news", None)
    await node.until(lambda: len(node.facts) >= 3 and len(node.received) >= 2)
    assert node.texts() == [MEMBER_EVENTS.counted("news", count) for count in (2, 1)]
    assert [(each.fact.kind, each.fact.count) for each in node.facts] == [
        (SUBSCRIPTION_COUNT, count) for count in (1, 2, 1)
    ]
    await node.enter(ROOM, ANN)
    await node.enter("end")
    await node.until(lambda: "end" in [channel for _, channel in node.told()])
    assert ROOM not in [channel for _, channel in node.told()]


async def test_the_changes_of_all_nodes_are_told_once_by_one_of_them(each_broker: Cluster) -> None:
    each_broker.wanted = STATE
    nodes = [await each_broker.node() for _ in range(3)]
    sender = await the_sender(each_broker)
    for node in nodes:
        await node.enter(ROOM, ANN)
    for node in nodes:
        node.bus.leave(APP, ROOM, "ann")
    await sender.until(lambda: ("channel_vacated", ROOM) in sender.told())
    assert sender.told(ROOM) == [
        ("channel_occupied", ""),
        ("member_added", "ann"),
        ("member_removed", "ann"),
        ("channel_vacated", ""),
    ]
    assert sender_of(each_broker) is sender


async def test_what_a_dead_node_held_is_told(each_broker: Cluster) -> None:
    each_broker.wanted = STATE
    nodes = [await each_broker.node() for _ in range(3)]
    sender = await the_sender(each_broker)
    dying = next(node for node in nodes if node is not sender)
    await dying.enter(ROOM, ANN)
    await dying.enter("news")
    await sender.enter(ROOM, BOB)
    await sender.until(lambda: len(sender.facts) >= 4)
    del sender.facts[:]
    await each_broker.kill(dying)
    await sender.until(lambda: len(sender.facts) >= 2)
    assert sorted(sender.told()) == [("channel_vacated", "news"), ("member_removed", ROOM)]


async def test_what_a_dead_sender_has_not_done_another_gets(each_broker: Cluster) -> None:
    each_broker.wanted = STATE
    nodes = [await each_broker.node() for _ in range(2)]
    sender = await the_sender(each_broker)
    other = next(node for node in nodes if node is not sender)
    for channel in ("a", "b", "c"):
        await other.enter(channel)
    await sender.until(lambda: len(sender.facts) == 3)
    assert sender.queue is not None
    done, *rest = sender.facts
    sender.queue.done([done.id])
    await resolve(sender.queue.keep("request", b"of two"))
    await resolve(sender.queue.keep("old", b"of none"))
    await resolve(sender.queue.keep("old", None))
    await each_broker.kill(sender)
    await other.until(lambda: len(other.facts) >= 2 and other.is_sending)
    assert other.kept == {"request": b"of two"}
    # What the dead one held is told behind it.
    assert {each.id: each for each in other.facts[:2]} == {each.id: each for each in rest}  # of two channels


async def test_who_says_goodbye_leaves_the_rest_to_another(each_broker: Cluster) -> None:
    each_broker.wanted = STATE
    nodes = [await each_broker.node() for _ in range(2)]
    sender = await the_sender(each_broker)
    other = next(node for node in nodes if node is not sender)
    await sender.enter("a")
    await sender.until(lambda: sender.facts)
    before = list(sender.facts)
    await sender.bus.stop()
    assert not sender.is_sending
    await other.until(lambda: len(other.facts) == 2)
    assert other.facts[0] == before[0]
    assert other.told() == [("channel_occupied", "a"), ("channel_vacated", "a")]


async def test_facts_that_are_not_done_outlive_the_broker(each_broker: Cluster) -> None:
    each_broker.wanted = STATE
    nodes = [await each_broker.node() for _ in range(2)]
    sender = await the_sender(each_broker)
    other = next(node for node in nodes if node is not sender)
    await other.enter("a")
    await sender.until(lambda: sender.facts)
    before = sender.facts[0]
    await each_broker.outage()
    await other.until(lambda: all(node.bus.degraded for node in nodes))
    await each_broker.recover()
    await other.until(lambda: not any(node.bus.degraded for node in nodes))
    sender = await the_sender(each_broker)
    await other.enter("b")
    await sender.until(lambda: ("channel_occupied", "b") in sender.told())
    kept = [each for each in sender.facts if each.fact.channel == "a"]
    assert kept == [before] or not survives(each_broker)


async def test_what_changes_without_the_broker_is_told_when_it_is_back(
    each_broker: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    each_broker.wanted = STATE
    here, there = await each_broker.node(), await each_broker.node()
    sender = await the_sender(each_broker)
    await here.enter(ROOM, ANN)
    await here.enter(ROOM, BOB)
    await there.enter(ROOM, BOB)
    for channel in ("left", "stays", "moves"):
        await here.enter(channel)
    await there.enter("everywhere")
    await here.enter("everywhere")
    await sender.until(lambda: len(sender.facts) == 7)
    assert sender.queue is not None
    sender.queue.done([each.id for each in sender.facts])
    await resolve(sender.queue.keep("barrier", None))
    del sender.facts[:]
    await each_broker.outage()
    await here.until(lambda: all(node.bus.degraded for node in each_broker.nodes))
    monkeypatch.setattr(brokered_bus, "BROKER_WAIT_S", 0.0)  # it is let in without the broker
    for channel in ("left", "moves", "everywhere"):
        here.bus.leave(APP, channel, None)
    for user in ("ann", "bob"):
        here.bus.leave(APP, ROOM, user)
    await there.enter("moves")
    await there.enter("new")
    await there.enter("new")
    await here.enter("came")
    here.bus.leave(APP, "came", None)
    await each_broker.recover()
    await here.until(lambda: not any(node.bus.degraded for node in each_broker.nodes))
    await there.enter("end")
    sender = await the_sender(each_broker)
    await sender.until(
        lambda: (
            {("channel_occupied", "end"), ("member_removed", ROOM)} <= set(sender.told())
            and ("channel_vacated", "left") in sender.told()
        )
    )
    told = sender.told()
    if not survives(each_broker) and ("channel_occupied", "moves") in told:
        told.remove(("channel_occupied", "moves"))  # nobody knows that it was told before
    assert sorted(told) == [
        ("channel_occupied", "end"),
        ("channel_occupied", "new"),
        ("channel_vacated", "left"),
        ("member_removed", ROOM),
    ]


async def test_a_channel_that_ended_before_an_outage_and_begins_in_it_is_told_as_occupied(
    each_broker: Cluster,
) -> None:
    each_broker.wanted = STATE
    node, other = await each_broker.node(), await each_broker.node()
    sender = await the_sender(each_broker)
    await node.enter("news")
    await node.enter("stays")
    await node.enter(ROOM, ANN)
    node.bus.leave(APP, "news", None)
    node.bus.leave(APP, ROOM, "ann")
    await sender.until(lambda: len(sender.facts) == 7)
    assert sender.queue is not None
    sender.queue.done([each.id for each in sender.facts])
    await resolve(sender.queue.keep("barrier", None))
    del sender.facts[:]
    await each_broker.outage()
    await node.until(lambda: all(each.bus.degraded for each in each_broker.nodes))
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    await node.until(lambda: loop.time() > began_at)  # what ends in its first moment may be told twice
    entering = [asyncio.ensure_future(node.enter("news")), asyncio.ensure_future(node.enter(ROOM, ANN))]
    node.bus.leave(APP, "stays", None)
    entering.append(asyncio.ensure_future(node.enter("stays")))
    await asyncio.sleep(0)
    await each_broker.recover()
    await asyncio.gather(*entering)
    await other.enter("end")
    sender = await the_sender(each_broker)
    await sender.until(lambda: ("channel_occupied", "end") in sender.told())
    # Each is of a partition of its own, perhaps.
    await sender.until(lambda: sender.told("news")[-1:] == [("channel_occupied", "")])
    in_room = [("channel_occupied", ""), ("member_added", "ann")]
    await sender.until(lambda: sender.told(ROOM)[-2:] == in_room)
    assert sender.told("stays") == []


def survives(cluster: Cluster) -> bool:
    """Whether facts outlive an outage of the broker: not in a Redis that has lost its memory."""
    return not hasattr(cluster, "_server")


async def test_the_last_node_of_all_knows_that_it_is(each_broker: Cluster) -> None:
    """Of those that have no Redis, which keeps the rest for later."""
    each_broker.wanted = STATE
    nodes = [await each_broker.node() for _ in range(3)]
    await the_sender(each_broker)
    last: list[bool] = []

    async def stop(node: BusNode) -> None:
        await node.enter(f"of-{node.name}")
        node.bus.leave(APP, f"of-{node.name}", None)
        assert node.queue is not None
        is_last = await node.queue.leave(DEADLINE_S)
        last.append(is_last)
        if is_last:
            assert len(node.facts) == 6
        await node.bus.stop()

    await asyncio.gather(*map(stop, nodes))
    assert last == [False, False, survives(each_broker)]
