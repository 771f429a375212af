"""Events, terminations and members between Revurb nodes and PHP nodes, over a real Redis."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from revurb.bus.reverb.bridged_bus import accepted_by_both
from revurb.pusher.messages import client_event_text, event_text
from revurb.pusher.ports import Member
from tests.bus.engines import APP, BusNode, resolve
from tests.bus.reverb import php_model
from tests.bus.reverb.conftest import CACHE_TTL_S, MixedCluster
from tests.bus.reverb.php_node import PhpNode, captured

ANN = Member("ann", b'"ann"', b'{"tab":1}')
ROOM = "presence-room"
SOCKET = "443542127.664247713"  # of the captured client


async def triggers(node: BusNode, channel: str, data: str, except_socket_id: str | None = None) -> None:
    await node.publish(event_text("my-event", data, channel), channel, except_socket_id=except_socket_id)


def data_of(node: PhpNode, socket_id: str) -> list[Any]:
    return [event["data"] for event in node.clients[socket_id].got]


# From PHP.


async def test_php_events_reach_the_subscribers_of_every_revurb_node(mixed: MixedCluster) -> None:
    nodes = [await mixed.node(), await mixed.node()]
    php_node = await mixed.php()
    for node in nodes:
        await node.enter("pub")
        await node.enter("private-x")
    await php_node.publish(captured("02-event-channel-1"))
    await php_node.publish(captured("03-event-channels-1"))
    for node in nodes:
        await node.until(lambda node=node: len(node.received) >= 4)  # type: ignore[misc]
        assert [
            (channel, json.loads(text)["event"], except_socket_id)
            for channel, text, except_socket_id in node.received
        ] == [
            ("pub", "my-event", None),
            ("pub", "App\\Events\\Foo", None),
            ("private-x", "App\\Events\\Foo", None),
            ("nobody", "App\\Events\\Foo", None),  # whether anyone is there, the receiver finds out
        ]


async def test_php_events_leave_out_the_socket_that_they_name(mixed: MixedCluster) -> None:
    node = await mixed.node()
    php_node = await mixed.php()
    for name in ("04-event-socket-id-1", "07-batch-2", "08-client-event-1", "09-client-event-presence-1"):
        await php_node.publish(captured(name))
    await node.until(lambda: len(node.received) == 4)
    assert {except_socket_id for _, _, except_socket_id in node.received} == {SOCKET}


async def test_php_events_on_cache_channels_are_remembered(mixed: MixedCluster) -> None:
    nodes = [await mixed.node(), await mixed.node()]
    php_node = await mixed.php()
    await php_node.publish(captured("22-cache-1"))
    for node in nodes:
        await node.until(lambda node=node: node.received)  # type: ignore[misc]
    state = (await resolve(nodes[0].bus.describe(APP, ["cache-z"])))[0]
    assert json.loads(state.cached.text) == {"event": "e", "data": '{"v":1}', "channel": "cache-z"}
    assert state.cached.ttl_s > CACHE_TTL_S - 60
    entered = await nodes[1].enter("cache-z", want_cached=True)
    assert entered.cached == state.cached.text


async def test_php_ends_users(mixed: MixedCluster) -> None:
    nodes = [await mixed.node(), await mixed.node()]
    php_node = await mixed.php()
    await php_node.publish(captured("25-terminate-1"))
    for node in nodes:
        await node.until(lambda node=node: node.terminated)  # type: ignore[misc]
        assert node.terminated == ["2"]


# To PHP.


async def test_events_reach_php_clients_once(mixed: MixedCluster) -> None:
    one, other = await mixed.node(), await mixed.node()
    php_nodes = [await mixed.php(s_1={"pub": None}), await mixed.php(s_2={"pub": None})]
    await other.enter("pub")
    await triggers(one, "pub", "1")
    await triggers(other, "pub", "2")
    await triggers(one, "pub", "3")
    for php_node, socket_id in zip(php_nodes, ("s.1", "s.2"), strict=True):
        await php_node.everything()
        assert data_of(php_node, socket_id) == ["1", "2", "3"]
        assert php_node.clients[socket_id].got[0] == {"event": "my-event", "data": "1", "channel": "pub"}
    # Nor did a Revurb node hear anything twice.
    await other.until(lambda: len(other.received) >= 3)
    assert [json.loads(text)["data"] for _, text, _ in other.received] == ["1", "2", "3"]


async def test_one_socket_is_left_out_wherever_it_is(mixed: MixedCluster) -> None:
    one, other = await mixed.node(), await mixed.node()
    php_node = await mixed.php(s_1={"pub": None, "private-x": None}, s_2={"pub": None, "private-x": None})
    await other.enter("pub")
    await triggers(one, "pub", "1", "s.1")
    text = client_event_text("client-typing", "private-x", b'{"n":1,"o":[]}', None)
    await one.publish(text, "private-x", except_socket_id="7.7")
    await php_node.everything()
    assert data_of(php_node, "s.1") == [{"n": 1, "o": []}]
    assert data_of(php_node, "s.2") == ["1", {"n": 1, "o": []}]
    await other.until(lambda: other.received)
    assert other.received[0][2] == "s.1"


async def test_what_php_cannot_read_stays_among_revurb_nodes(
    mixed: MixedCluster, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = await mixed.node(), await mixed.node()
    php_node = await mixed.php(s_1={"private-x": None})
    await other.enter("private-x")
    for data in (b"1e999", b"[" * 600 + b"]" * 600, b"1e999", b"1"):
        await one.publish(client_event_text("client-x", "private-x", data, None), "private-x")
    await other.until(lambda: len(other.received) == 4)
    await php_node.everything()
    assert data_of(php_node, "s.1") == [1]
    assert mixed.bridges[one].unsendable == 3
    assert caplog.text.count("an event was not sent to PHP nodes") == 1


async def test_users_are_ended_on_both_sides(mixed: MixedCluster) -> None:
    one, other = await mixed.node(), await mixed.node()
    php_node = await mixed.php(s_1={ROOM: "ann"}, s_2={ROOM: "bob"})
    for node in (one, other):
        await resolve(node.bus.admit(APP, None))  # only who has connections of the app has anyone to end
        await resolve(node.bus.connections(APP))
        await node.enter()  # behind it on the same connection: it hears of the app's users now
    await resolve(one.bus.terminate(APP, "ann"))
    await php_node.everything()
    assert list(php_node.clients) == ["s.2"]
    for node in (one, other):
        await node.until(lambda node=node: node.terminated)  # type: ignore[misc]
    await resolve(one.bus.connections(APP))
    assert one.terminated == other.terminated == ["ann"]
    assert len(php_node.of_type("terminate")) == 1


# Members.


def members_of(php_node: PhpNode, socket_id: str) -> list[tuple[str, Any]]:
    return [
        (event["event"].removeprefix("pusher_internal:member_"), json.loads(event["data"]))
        for event in php_node.clients[socket_id].got
    ]


async def test_php_clients_see_members_come_and_go_once(mixed: MixedCluster) -> None:
    one, other = await mixed.node(), await mixed.node()
    php_node = await mixed.php(s_1={ROOM: "bob"})
    await one.enter(ROOM, ANN)
    await one.enter(ROOM, ANN)
    await other.enter(ROOM, ANN)
    for node in (one, other):
        await mixed.everything_sent(node)
    await php_node.everything()
    assert members_of(php_node, "s.1") == [("added", {"user_id": "ann", "user_info": {"tab": 1}})]
    one.bus.leave(APP, ROOM, "ann")
    one.bus.leave(APP, ROOM, "ann")
    await mixed.everything_sent(one)
    other.bus.leave(APP, ROOM, "ann")
    await mixed.everything_sent(other)
    await php_node.everything()
    assert members_of(php_node, "s.1")[1:] == [("removed", {"user_id": "ann"})]


async def test_php_clients_see_members_of_a_dead_node_go(mixed: MixedCluster) -> None:
    one, _, _ = await mixed.node(), await mixed.node(), await mixed.node()
    php_node = await mixed.php(s_1={ROOM: "bob"})
    await one.enter(ROOM, ANN)
    await mixed.kill(one)
    await php_node.until(lambda: len(members_of(php_node, "s.1")) == 2)
    await php_node.everything()
    assert [what for what, _ in members_of(php_node, "s.1")] == ["added", "removed"]


async def test_php_clients_see_members_of_a_node_that_stops_go(mixed: MixedCluster) -> None:
    one, _ = await mixed.node(), await mixed.node()
    php_node = await mixed.php(s_1={ROOM: "bob"})
    await one.enter(ROOM, ANN)
    mixed.nodes.remove(one)
    mixed._ticking.pop(one).cancel()
    await one.bus.stop()
    await php_node.until(lambda: len(members_of(php_node, "s.1")) == 2)
    await php_node.everything()
    assert members_of(php_node, "s.1")[1:] == [("removed", {"user_id": "ann"})]


async def test_no_secret_travels(mixed: MixedCluster) -> None:
    node = await mixed.node()
    php_node = await mixed.php(s_1={ROOM: "bob"})
    await triggers(node, "pub", "1")
    await node.enter(ROOM, ANN)
    await resolve(node.bus.terminate(APP, "bob"))
    await resolve(node.bus.channels(APP, ""))
    await php_node.everything()
    ours = [data for data in php_node.received if b'"origin":"revurb:' in data]
    kinds = [php_model.receive(data)["type"] for data in ours]
    assert kinds == ["message", "message", "terminate", "metrics"]
    for data in ours:
        message = php_model.receive(data)
        application = message.get("application") or message["payload"]["application"][1]
        assert application == {"id": "app1"}


async def test_an_event_is_accepted_when_both_sides_have_it() -> None:
    """The HTTP answer waits for that: two events one after the other are never seen the other way round."""
    loop = asyncio.get_running_loop()
    for is_bus_first in (True, False):
        sides = [loop.create_future(), loop.create_future()]
        accepted = accepted_by_both(*sides)
        assert accepted is not None
        for side in sides if is_bus_first else reversed(sides):
            assert not asyncio.ensure_future(accepted).done()
            side.set_result(None)
            await asyncio.sleep(0)
        await accepted
        assert accepted_by_both(sides[0], None) is sides[0]
        assert accepted_by_both(None, sides[1]) is sides[1]
