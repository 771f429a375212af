"""A worker's connection to the hub: it reconnects, and drops a hub that does not answer."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from revurb.bus.brokered import broker_messages as m
from revurb.bus.hub import hub_link
from revurb.bus.hub.event_log import LogDescriptors
from revurb.bus.hub.framing import encode_frame
from revurb.bus.hub.hub_link import FULL_BYTES, MAX_MISSED_HEARTBEATS, HubLink
from revurb.bus.hub.hub_server import HubServer
from revurb.pusher.ports import DeliverableEvent, Member
from tests.bus.hub.host_log import a_log
from tests.bus.hub.worker import LoggingBroker, a_broker


class Owner:
    """What a link is for: says hello, and keeps what comes."""

    def __init__(self) -> None:
        self.link: HubLink
        self.received: list[m.FromBroker] = []
        self.calls: list[str] = []
        self.delivered: list[DeliverableEvent] = []
        self.log = a_log(self)

    def deliver(self, event: DeliverableEvent) -> None:
        self.delivered.append(event)

    def linked(self) -> None:
        self.calls.append("linked")
        self.link.send(m.Hello("w1", "", {}, [], [], [], [], self.link.token))

    def relinked(self) -> None:
        raise AssertionError("a hub that is gone is told of")

    def unlinked(self) -> None:
        self.calls.append("unlinked")

    def filled(self) -> None:
        self.calls.append("filled")

    def has_room(self) -> None:
        self.calls.append("has room")

    def receive(self, messages: Iterable[m.FromBroker]) -> None:
        self.received += messages


def linked_to(path: str, heartbeat_s: float = 1.0, log: LogDescriptors | None = None) -> Owner:
    owner = Owner()
    owner.link = HubLink(path, owner.log if log is None else log, owner, heartbeat_s)
    owner.link.start()
    return owner


async def hub(path: str) -> HubServer:
    server = HubServer(a_broker(asyncio.get_running_loop().time), path)
    await server.start()
    return server


def log_of(server: HubServer) -> LogDescriptors:
    assert isinstance(server.broker, LoggingBroker)
    return server.broker.descriptors


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def test_it_connects_to_a_hub_that_comes_later_and_to_the_next_one(tmp_path: Path) -> None:
    path = str(tmp_path / "hub.sock")
    owner = linked_to(path)
    assert owner.link.lag_s(time.monotonic()) is None
    await asyncio.sleep(0.05)
    for lives in (1, 2):
        server = await hub(path)
        await until(lambda lives=lives: len(owner.received) == lives)  # type: ignore[misc]
        await server.stop()
        await until(lambda lives=lives: owner.calls == ["linked", "unlinked"] * lives)  # type: ignore[misc]
    assert all(isinstance(message, m.Welcome) for message in owner.received)
    await owner.link.stop()


async def test_its_owner_is_not_told_when_it_is_stopped(tmp_path: Path) -> None:
    path = str(tmp_path / "hub.sock")
    server, owner = await hub(path), linked_to(path)
    await until(lambda: owner.received)
    await owner.link.stop()
    await server.no_connections.wait()
    await server.stop()
    assert owner.calls == ["linked"]


async def test_the_lag_is_known_after_the_first_heartbeat(tmp_path: Path) -> None:
    path = str(tmp_path / "hub.sock")
    server, owner = await hub(path), linked_to(path, 0.01)
    await until(lambda: owner.received)
    await asyncio.sleep(0.02)
    owner.link.tick(asyncio.get_running_loop().time())
    await until(lambda: m.HeartbeatReply() in owner.received)
    lag_s = owner.link.lag_s(time.monotonic())
    assert lag_s is not None
    assert 0 <= lag_s < 5
    await owner.link.stop()
    await server.stop()


async def test_it_says_truly_that_the_hub_confirms_each_change(tmp_path: Path) -> None:
    """Else its node would forget a member's coming that only the hub has."""
    path, ann = str(tmp_path / "hub.sock"), Member("ann", b'"ann"', b"null")
    server = await hub(path)
    owner = linked_to(path, log=log_of(server))
    await until(lambda: owner.received)
    owner.link.log.add_topic(("app1", "presence-x"))
    owner.link.send(m.Enter(1, "app1", "presence-x", 1, ann, b"added", False, False, 5))
    accepted = m.Accepted([5], m.ADDED_MEMBERS)
    await until(lambda: len(owner.received) >= 4)
    assert (accepted in owner.received) == owner.link.confirms_changes
    await owner.link.stop()
    await server.stop()


async def test_a_socket_without_a_file_is_linked_when_a_hub_has_taken_the_connection() -> None:
    """Before, the connection waits in the queue of a socket that the supervisor keeps. The worker may have too much to
    do meanwhile, and receives nothing from others: it must hear of its hub all the same."""
    name = f"revurb-test-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as bound:
        bound.bind(f"\0{name}")
        bound.listen()
        bound.setblocking(False)
        owner = linked_to(f"@{name}")
        await until(lambda: owner.link._transport is not None)
        owner.link.tick(asyncio.get_running_loop().time() + 100)  # nor is a dead hub taken for silent
        assert owner.calls == []
        server = HubServer(a_broker(asyncio.get_running_loop().time), bound)
        await server.start()
        await until(lambda: owner.received)
        assert owner.calls == ["linked"]
        owner.link.hold_receiving(True)
        owner.link.send(m.HeartbeatRequest())
        await until(lambda: m.HeartbeatReply() in owner.received)
        await owner.link.stop()
        await server.stop()


async def test_a_hub_that_does_not_answer_is_dropped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, taken = str(tmp_path / "hub.sock"), list[asyncio.StreamWriter]()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(writer)
        with contextlib.suppress(OSError):
            while await reader.read(1000):
                pass
        writer.close()

    server = await asyncio.start_unix_server(take, path)
    owner, loop = linked_to(path, 0.01), asyncio.get_running_loop()
    await until(lambda: taken)
    async with asyncio.timeout(10):
        while "unlinked" not in owner.calls:
            owner.link.tick(loop.time())
            await asyncio.sleep(0.005)
    assert MAX_MISSED_HEARTBEATS == 5
    assert [record.getMessage() for record in caplog.records] == ["the hub does not answer"]
    await owner.link.stop()
    server.close()


async def test_a_hub_that_speaks_nonsense_is_left_for_the_next(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, taken = str(tmp_path / "hub.sock"), list[asyncio.StreamWriter]()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(writer)
        writer.write(b"\xff" * 100)

    server = await asyncio.start_unix_server(take, path)
    owner = linked_to(path)
    await until(lambda: len(taken) > 1)
    assert owner.calls[:3] == ["linked", "unlinked", "linked"]
    assert owner.received == []
    assert "the hub speaks nonsense" in caplog.text
    await owner.link.stop()
    for writer in taken:
        writer.close()
    server.close()


async def test_what_a_hub_has_sent_before_it_died_is_read(tmp_path: Path) -> None:
    """Also by a worker that finds out by writing, or has not read for a while."""
    path, reply = str(tmp_path / "hub.sock"), m.Refused(7)

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        transport = owner.link._transport
        assert transport is not None
        transport.pause_reading()
        writer.write(encode_frame(reply))
        writer.close()
        server.close()

    server = await asyncio.start_unix_server(take, path)
    owner = linked_to(path)
    async with asyncio.timeout(10):
        while "unlinked" not in owner.calls:
            owner.link.send(m.HeartbeatRequest())
            await asyncio.sleep(0.005)
    assert owner.received == [reply]
    await owner.link.stop()


async def test_a_link_that_was_full_goes_on_when_the_hub_has_taken_what_it_had(tmp_path: Path) -> None:
    path, go_on = str(tmp_path / "hub.sock"), asyncio.Event()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await go_on.wait()
        while await reader.read(1_000_000):
            pass
        writer.close()

    server = await asyncio.start_unix_server(take, path, limit=1024)
    owner = linked_to(path)
    await until(lambda: owner.calls)
    while "filled" not in owner.calls:
        owner.link.send(m.SurveyReply(1, b"x" * 100_000))
    go_on.set()
    await until(lambda: owner.calls == ["linked", "filled", "has room"])
    assert not owner.link.is_full
    await owner.link.stop()
    server.close()


async def test_a_hub_that_takes_nothing_fills_the_link_and_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_link, "MAX_UNSENT_BYTES", 2 * FULL_BYTES)
    path, taken = str(tmp_path / "hub.sock"), list[asyncio.StreamWriter]()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(writer)

    server = await asyncio.start_unix_server(take, path, limit=1024)
    owner = linked_to(path)
    await until(lambda: taken)
    report = m.SurveyReply(1, b"x" * 100_000)
    sent = 0
    while not owner.link.is_full:
        owner.link.send(report)
        sent += 1
    assert sent * 100_000 < FULL_BYTES + 1_000_000
    assert owner.calls == ["linked", "filled"]
    for _ in range(30):
        owner.link.send(report)
    await until(lambda: "unlinked" in owner.calls)
    await owner.link.stop()
    for writer in taken:
        writer.close()
    server.close()
