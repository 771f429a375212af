"""PHP nodes come and go, and Redis too."""

from __future__ import annotations

import json
import logging
import time

import pytest
from redis.asyncio import Redis

from revurb.bus.redis.shared_redis import SharedRedis
from revurb.bus.reverb.reverb_bridge import STOP_S, ReverbBridge
from revurb.pusher.messages import event_text
from revurb.pusher.ports import PublishedEvent
from tests.bus.engines import APP, BusNode, resolve
from tests.bus.reverb.conftest import MixedCluster
from tests.bus.reverb.php_node import PhpNode, captured


async def triggers(node: BusNode, data: str) -> None:
    await node.publish(event_text("e", data, "pub"), "pub")


def data_of(php_node: PhpNode) -> list[str]:
    return [event["data"] for client in php_node.clients.values() for event in client.got]


async def recorded(mixed: MixedCluster) -> PhpNode:
    """A subscriber that Revurb nodes do not take for a PHP node: it listens with a pattern."""
    recorder = PhpNode(mixed.server)
    await recorder.start(pattern=True)
    mixed.php_nodes.append(recorder)
    return recorder


async def test_nothing_is_sent_while_there_is_nobody(mixed: MixedCluster) -> None:
    node, _ = await mixed.node(), await mixed.node()
    recorder = await recorded(mixed)
    await triggers(node, "1")
    await resolve(node.bus.terminate(APP, "ann"))
    await resolve(node.bus.channels(APP, ""))
    await recorder.everything()
    assert len(recorder.received) == 1  # its own mark


async def test_always_is_always(mixed: MixedCluster) -> None:
    node = await mixed.node("reverb")
    recorder = await recorded(mixed)
    await triggers(node, "1")
    await recorder.everything()
    assert len(recorder.of_type("message")) == 1


async def test_php_nodes_come_and_go(mixed: MixedCluster, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "revurb")
    node, other = await mixed.node(), await mixed.node()
    assert "PHP" not in caplog.text
    first = await mixed.php(s_1={"pub": None})
    await triggers(node, "1")
    second = await mixed.php(s_2={"pub": None})
    await triggers(node, "2")
    await first.everything()
    await first.stop()
    for each in (node, other):
        await mixed.sees(each, 1)
    await triggers(node, "3")
    await second.everything()
    await second.stop()
    for each in (node, other):
        await mixed.sees(each, 0)
    await triggers(node, "4")
    third = await mixed.php(s_3={"pub": None})
    await triggers(node, "5")
    await third.everything()
    assert [data_of(php_node) for php_node in (first, second, third)] == [["1", "2"], ["2", "3"], ["5"]]
    lines = [record.getMessage() for record in caplog.records if "PHP" in record.getMessage()]
    listens, gone = (
        "a PHP Reverb node listens on channel reverb",
        "a PHP Reverb node has gone from channel reverb",
    )
    assert [line for line in lines if line == listens] == [listens] * 6
    assert [line for line in lines if line == gone] == [gone] * 4


async def test_revurb_nodes_that_come_and_go_are_no_php_nodes(
    mixed: MixedCluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "revurb")
    node = await mixed.node()
    for _ in range(3):
        await mixed.kill(await mixed.node())
    await triggers(node, "1")
    await mixed.everything_sent(node)
    assert mixed.bridges[node].php_nodes == 0
    assert "PHP Reverb node" not in caplog.text


async def test_a_php_node_that_speaks_is_seen_at_once(
    mixed: MixedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revurb.bus.reverb.reverb_connection.POLL_S", 60.0)
    node = await mixed.node()
    php_node = PhpNode(mixed.server, s_1={"pub": None})
    mixed.php_nodes.append(php_node)
    await php_node.start()
    await php_node.publish(captured("02-event-channel-1"))
    await mixed.sees(node, 1)
    await triggers(node, "2")
    await php_node.everything()
    assert data_of(php_node) == ['{"some":"data"}', "2"]


async def test_a_node_that_is_held_receives_what_php_nodes_publish_afterwards(
    mixed: MixedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revurb.bus.reverb.reverb_connection.SILENT_AFTER_S", 0.5)
    held, other = await mixed.node(), await mixed.node()
    php_node = await mixed.php()
    bridge = mixed.bridges[held]
    connection = bridge._connection
    held.bus.hold_receiving(True)
    counts: list[int] = []
    monkeypatch.setattr(connection, "_on_php_nodes", counts.append)
    for _ in range(20):
        await php_node.publish(captured("02-event-channel-1"))
    await other.until(lambda: len(other.received) == 20)
    await held.until(lambda: len(counts) > 4)  # for longer than a connection may be silent
    assert len(held.received) <= 1  # one may have been on its way
    held.bus.hold_receiving(False)
    await held.until(lambda: len(held.received) == 20)
    assert bridge._connection is connection  # which was not taken for a dead one


async def test_a_node_that_is_held_stops_as_soon_as_any(mixed: MixedCluster) -> None:
    node = await mixed.node()
    await mixed.php()
    node.bus.hold_receiving(True)
    began = time.monotonic()
    await mixed.bridges[node].stop()
    assert time.monotonic() - began < STOP_S / 2


def test_a_bridge_that_was_not_started_has_nobody_to_send_to() -> None:
    def connect() -> Redis:
        raise AssertionError("not before it is started")

    bridge = ReverbBridge("n", connect, BusNode("n"))
    assert not bridge.is_sending
    assert bridge.publish(PublishedEvent(APP, "pub", event_text("e", "1", "pub"))) is None
    assert bridge.terminate(APP, "ann") is None
    counted = (
        bridge.invalid_messages,
        bridge.unsendable,
        bridge.unanswered,
        bridge.php_nodes,
        bridge.dropped,
    )
    assert counted == (0, 0, 0, 0, 0)


async def test_questions_that_come_faster_than_answers_go_are_counted_and_logged_once(
    mixed: MixedCluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("revurb.bus.reverb.reverb_bridge.MAX_ANSWERS_BYTES", -1)
    node = await mixed.node()
    php_node = await mixed.php()
    for _ in range(3):
        await php_node.publish(captured("12-metrics-connections-1"))
    await node.until(lambda: mixed.bridges[node].unanswered == 3)
    assert len([record for record in caplog.records if "some get none" in record.message]) == 1


async def test_while_php_nodes_are_known_their_messages_cost_no_count(
    mixed: MixedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revurb.bus.reverb.reverb_connection.POLL_S", 60.0)
    node = await mixed.node()
    php_node = PhpNode(mixed.server)
    mixed.php_nodes.append(php_node)
    await php_node.start()
    await php_node.publish(captured("02-event-channel-1"))
    await mixed.sees(node, 1)
    async with mixed.server.client() as client:

        async def counts() -> int:
            return int((await client.info("commandstats"))["cmdstat_pubsub|numsub"]["calls"])

        before = await counts()
        for _ in range(20):
            await php_node.publish(captured("02-event-channel-1"))
        await node.until(lambda: len(node.received) == 21)
        await mixed.everything_sent(node)
        assert await counts() == before


async def test_an_outage_is_logged_once_for_each_reason(
    mixed: MixedCluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """However often the two links of the node try again: that it was closed, and then that nobody is there."""
    node = await mixed.node()
    bridge, clients = mixed.bridges[node], list[Redis | SharedRedis]()
    connect = bridge._connect

    def connect_and_count() -> Redis | SharedRedis:
        clients.append(connect())
        return clients[-1]

    bridge._connect = connect_and_count
    for outage in range(2):
        await mixed.outage()
        await node.until(lambda: bridge._commands is None)
        clients.clear()
        await node.until(lambda: len(clients) >= 4)
        records = [record for record in caplog.records if "out of reach" in record.getMessage()]
        for name in ("revurb.bus.reverb.reverb_bridge", "revurb.bus.redis.redis_link"):
            reasons = [record.__dict__["reason"] for record in records if record.name == name]
            assert len(reasons) == 2 * (outage + 1)
            assert "Connection refused" in reasons[-1]
        await mixed.recover()
        await node.until(lambda: bridge._commands is not None and not node.bus.degraded)


async def test_events_wait_for_redis_and_for_the_php_nodes(mixed: MixedCluster) -> None:
    node = await mixed.node()
    before = await mixed.php(s_1={"pub": None})
    await triggers(node, "1")
    await before.everything()
    await before.stop()
    await mixed.outage()
    bridge = mixed.bridges[node]
    await node.until(lambda: bridge._commands is None)
    await triggers(node, "2")
    await triggers(node, "3")
    await mixed.recover()
    await node.until(lambda: bridge._commands is not None)
    await triggers(node, "4")
    after = await mixed.php(s_1={"pub": None})
    await after.until(lambda: len(data_of(after)) >= 3)
    await triggers(node, "5")
    await after.everything()
    assert data_of(after) == ["2", "3", "4", "5"]
    assert bridge.dropped == 0


@pytest.mark.parametrize("has_php", [True, False], ids=["php", "nobody"])
async def test_events_wait_where_redis_is_away_at_the_start(
    mixed: MixedCluster, monkeypatch: pytest.MonkeyPatch, has_php: bool
) -> None:
    """Nobody knows yet whether PHP nodes are there. If none comes, nothing was lost."""
    monkeypatch.setattr("revurb.bus.brokered.brokered_bus.BROKER_WAIT_S", 0.1)
    monkeypatch.setattr("revurb.bus.reverb.reverb_bridge.START_S", 0.1)
    monkeypatch.setattr("revurb.bus.reverb.reverb_bridge.PHP_RETURN_S", 5 if has_php else 0.1)
    node = await mixed.node_without_server()
    for data in ("1", "2"):
        await triggers(node, data)
    if has_php:
        php = await mixed.php(s_1={"pub": None})
        await php.everything()
        await node.until(lambda: data_of(php) == ["1", "2"])
    else:
        await mixed.server.start()
        await node.until(lambda: not mixed.bridges[node].is_sending)
    assert node.bus.health.dropped == 0


async def test_events_do_not_wait_for_ever(mixed: MixedCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revurb.bus.reverb.reverb_bridge.PHP_RETURN_S", 0.1)
    node = await mixed.node()
    before = await mixed.php()
    await before.stop()
    await mixed.outage()
    bridge = mixed.bridges[node]
    await node.until(lambda: bridge._commands is None)
    await triggers(node, "1")
    await mixed.recover()
    await node.until(lambda: not bridge.is_sending)
    assert bridge.dropped == 1


async def test_what_waits_is_bounded(mixed: MixedCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revurb.bus.reverb.reverb_queue.MAX_WAITING", 2)
    node = await mixed.node("reverb")
    await mixed.outage()
    bridge = mixed.bridges[node]
    await node.until(lambda: bridge._commands is None)
    for number in range(5):
        await triggers(node, str(number))
    assert bridge.dropped == 3
    assert [json.loads(message)["payload"]["data"] for message in bridge._queue._waiting] == ["3", "4"]
    assert await resolve(node.bus.connections(APP)) == 0


async def test_a_redis_that_keeps_the_channel_to_itself_is_still_a_redis(
    mixed: MixedCluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("revurb.bus.reverb.reverb_bridge.START_S", 0.2)
    await mixed.server.start()
    async with mixed.server.client() as client:
        acl = ("ACL", "SETUSER", "default", "resetchannels", "&revurb:{*")
        await client.execute_command(*acl)  # type: ignore[no-untyped-call]
    node, other = await mixed.node(), await mixed.node()
    await other.enter("pub")
    await triggers(node, "1")
    await other.until(lambda: other.received)
    assert not node.bus.degraded
    warnings = [record for record in caplog.records if "out of reach" in record.getMessage()]
    assert len(warnings) == 2  # once for each
    assert "permissions" in warnings[0].__dict__["reason"]
