"""What the connections of a node share: flushes that take several turns, and the sets that a drain waits for."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from revurb._speedups.fanout import deliver
from revurb._speedups.frames import TEXT, server_frame
from revurb.observe.counters import Counters
from revurb.transport import connections as module
from revurb.transport.client_connection import ClientConnection
from revurb.transport.connections import Connections
from revurb.transport.handlers import Upgrade
from tests.transport.test_client_connection import (
    EMPTY_TEXT,
    HANDSHAKE,
    LIMITS,
    SWITCHING,
    DeadTransport,
    RecordingHandler,
    SlowHandler,
)

SUBSCRIBERS = 3000
FRAMES = [server_frame(TEXT, b"%d" % number) for number in range(3)]


class Node:
    """Connections without a node, and what their transports were given."""

    def __init__(self, max_queued_total_bytes: int = 1_000_000) -> None:
        self.loop = asyncio.get_running_loop()
        self._handler = SlowHandler(self.loop.create_future())
        limits = replace(LIMITS, max_queued_total_bytes=max_queued_total_bytes)
        self.connections = Connections(self._handler, limits, Counters(), self.loop)
        self.transports: dict[ClientConnection, DeadTransport] = {}
        self.handlers: dict[ClientConnection, RecordingHandler] = {}
        self.turns = 0

    def http(self) -> ClientConnection:
        connection = ClientConnection(self.connections)
        self.transports[connection] = DeadTransport()
        connection.connection_made(self.transports[connection])
        return connection

    def websocket(self) -> ClientConnection:
        connection = self.http()
        self.handlers[connection] = RecordingHandler()
        connection.open(Upgrade(SWITCHING, self.handlers[connection]), b"")
        for http in tuple(self.connections.http):
            self.connections.forget_http(http)
        return connection

    def received(self, connection: ClientConnection) -> bytes:
        return bytes(self.transports[connection].written)

    def count_turn(self) -> None:
        self.turns += 1
        if self.connections.fanout.queued_bytes:
            self.loop.call_soon(self.count_turn)

    async def flushed(self) -> None:
        async with asyncio.timeout(5):
            while self.connections.fanout.queued_bytes:
                await asyncio.sleep(0)


async def test_one_event_to_thousands_takes_several_turns_and_reaches_each_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "FLUSH_BUDGET_S", 0.0)  # 32 connections a turn, and 32 of the other lane
    monkeypatch.setattr(module, "MAX_FLUSH_BUDGET_S", 0.0)
    node = Node()
    subscribers = {node.websocket(): None for _ in range(SUBSCRIBERS)}
    await node.flushed()
    deliver(subscribers, FRAMES[0])
    node.loop.call_soon(node.count_turn)
    await asyncio.sleep(0)
    deliver(subscribers, FRAMES[1])  # some have the first already, others have not
    await node.flushed()
    assert {node.received(each) for each in subscribers} == {SWITCHING + FRAMES[0] + FRAMES[1]}
    assert node.turns >= SUBSCRIBERS // 32
    deliver(subscribers, FRAMES[2])  # and it begins again after it has come to an end
    await node.flushed()
    assert {node.received(each) for each in subscribers} == {SWITCHING + b"".join(FRAMES)}


async def test_input_that_waited_for_room_goes_on_behind_the_flush() -> None:
    node = Node(max_queued_total_bytes=1000)
    one, other = node.websocket(), node.websocket()
    await node.flushed()
    one.send(bytes(2000))
    other.data_received(EMPTY_TEXT)
    assert node.handlers[other].calls == ["opened"]
    await node.flushed()
    async with asyncio.timeout(5):
        while len(node.handlers[other].calls) < 2:  # without a tick of the wheel, which would wake it as well
            await asyncio.sleep(0)
    assert node.handlers[other].calls == ["opened", "message"]


async def test_the_fault_of_one_connection_holds_up_no_other() -> None:
    """What it raises ends the flush; nobody would ask for another, since one has been asked for."""
    node = Node()
    faulty, other = node.websocket(), node.websocket()
    await node.flushed()

    def write(data: object) -> None:
        raise ZeroDivisionError

    node.transports[faulty].write = write  # type: ignore[method-assign]
    faults: list[object] = []
    node.loop.set_exception_handler(lambda loop, context: faults.append(context["exception"]))
    deliver({faulty: None, other: None}, FRAMES[0])
    await node.flushed()
    node.loop.set_exception_handler(None)
    assert [type(fault) for fault in faults] == [ZeroDivisionError]
    assert node.received(other) == SWITCHING + FRAMES[0]


class RecordingFanout:
    """A fanout that says so often that there is more, and notes the time that it was given."""

    is_full = False

    def __init__(self, *more: bool) -> None:
        self._more = iter(more)
        self.budgets_s: list[float] = []

    def flush(self, budget_s: float) -> bool:
        self.budgets_s.append(round(budget_s, 6))
        return next(self._more)


async def test_a_flush_has_as_long_as_the_others_took_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 100.0
    node, fanout = Node(), RecordingFanout(True, True, True, False, True)
    node.connections.fanout = fanout  # type: ignore[assignment]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now_s))
    node.connections._loop = SimpleNamespace(call_soon=lambda call: None)  # type: ignore[assignment]
    for others_took_s in (5.0, 0.0005, 0.007, 0.5, 0.007):
        now_s += others_took_s
        node.connections._flush()
    assert fanout.budgets_s == [0.001, 0.001, 0.007, 0.020, 0.001]


async def test_a_drain_ends_with_the_last_connection_of_either_kind() -> None:
    node = Node()
    http, websocket = node.http(), ClientConnection(node.connections)
    node.transports[websocket] = DeadTransport()
    websocket.connection_made(node.transports[websocket])
    reports: list[int] = []
    node.connections.on_empty = lambda: reports.append(len(reports))
    http.connection_lost(None)
    assert not reports  # it does not drain yet
    node.connections.drain(4200, "")
    assert not reports
    websocket.connection_lost(None)
    assert reports == [0]
    node.connections.drain(4200, "")
    assert reports == [0, 1]


async def test_closing_all_websockets_and_idle_http() -> None:
    node = Node()
    websocket = node.websocket()
    idle, busy = node.http(), node.http()
    busy.data_received(HANDSHAKE)
    node.connections.drain(4200, "away")
    node.connections.close_websockets()
    await node.flushed()
    assert node.received(websocket).endswith(b"\x88\x06" + (4200).to_bytes(2) + b"away")
    closed: list[object] = []
    for connection in (idle, busy):
        node.transports[connection].close = lambda connection=connection: closed.append(connection)  # type: ignore[method-assign,misc]
    node.connections.close_idle_http()
    assert closed == [idle]


async def test_aborting_drops_both_kinds() -> None:
    node = Node()
    both = [node.websocket(), node.http()]
    node.connections.abort()
    assert [node.transports[each].was_aborted() for each in both] == [True, True]


async def test_shrinking_keeps_the_connections() -> None:
    node = Node()
    websocket, _ = node.websocket(), node.http()
    websocket.data_received(EMPTY_TEXT + EMPTY_TEXT)
    assert len(node.connections.spare_websockets) == 1
    before = (list(node.connections.http), list(node.connections.websockets))
    node.connections.shrink()
    assert (list(node.connections.http), list(node.connections.websockets)) == before
    assert [len(kind) for kind in before] == [1, 1]
    assert not node.connections.spare_websockets


async def test_what_a_herd_leaves_behind_when_it_has_come() -> None:
    node = Node()
    herd = [node.http() for _ in range(100)]
    for each in herd:
        node.handlers[each] = RecordingHandler()
        each.open(Upgrade(SWITCHING, node.handlers[each]), b"")
        each.data_received(b"\x01\x80" + bytes(4))  # the first part of a message: for each a state machine
    for each in herd:
        each.data_received(b"\x80\x80" + bytes(4))  # and the last
    node.connections.on_tick(node.loop.time())
    assert len(node.connections.spare_websockets) == module.MAX_SPARE_WEBSOCKETS
    assert sys.getsizeof(node.connections.http) == sys.getsizeof({})
