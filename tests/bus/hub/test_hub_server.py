"""The broker behind a real Unix socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from revurb.bus import step_queue
from revurb.bus.brokered import broker_messages as m
from revurb.bus.hub import peer as peer_module
from revurb.bus.hub.framing import MessageSplitter, encode_frame
from revurb.bus.hub.hub_server import HubServer
from revurb.bus.hub.peer import FULL_BYTES
from tests.bus.hub.worker import a_broker

APP = "app1"


@contextlib.asynccontextmanager
async def serving(path: Path) -> AsyncIterator[HubServer]:
    server = HubServer(a_broker(asyncio.get_running_loop().time), str(path / "hub.sock"))
    await server.start()
    try:
        async with asyncio.timeout(10):
            yield server
    finally:
        await server.stop()


class Connection:
    """A worker's connection, as bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._splitter = MessageSplitter()
        self._messages: list[m.FromBroker] = []

    async def receive(self) -> m.FromBroker:
        while not self._messages:
            data = await self.reader.read(65536)
            assert data, "the connection has ended"
            self._messages += map(m.read_from_broker, self._splitter.feed(data))
        return self._messages.pop(0)


async def connect(path: Path, node: str, *channels: str) -> Connection:
    connection = Connection(*await asyncio.open_unix_connection(str(path / "hub.sock")))
    reports = [m.ChannelReport(APP, channel, 1, []) for channel in channels]
    connection.writer.write(encode_frame(m.Hello(node, "", {}, reports, [], [])))
    assert isinstance(await connection.receive(), m.Welcome)
    return connection


async def test_only_the_owner_of_the_process_may_connect(tmp_path: Path) -> None:
    (tmp_path / "hub.sock").write_text("left by a broker that was killed")
    async with serving(tmp_path):
        assert stat.S_IMODE(os.stat(tmp_path / "hub.sock").st_mode) == 0o600
    assert not (tmp_path / "hub.sock").exists()


async def test_it_is_known_when_the_last_worker_has_gone(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        assert server.no_connections.is_set()
        one = await connect(tmp_path, "w1")
        assert not server.no_connections.is_set()
        assert server.broker.workers == 1
        one.writer.close()
        await server.no_connections.wait()
        assert server.broker.workers == 0


async def test_other_workers_are_served_while_one_reports_a_lot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_queue, "TURN_S", 0.0)  # a single step in each turn of the loop
    async with serving(tmp_path) as server:
        other = await connect(tmp_path, "w1", "c1")
        reports = [m.ChannelReport(APP, f"c{number}", 1, []) for number in range(1000)]
        large = Connection(*await asyncio.open_unix_connection(str(tmp_path / "hub.sock")))
        large.writer.write(
            encode_frame(m.StatePart(reports[:500], [], []))
            + encode_frame(m.Hello("w2", "", {}, reports[500:], [], []))
            + encode_frame(m.QueryChannels(1, APP, ""))  # waits until the report is handled
        )
        while not server.broker.steps:
            await asyncio.sleep(0)
        for id in (1, 2):
            other.writer.write(encode_frame(m.QueryConnections(id, APP)))
            answer = await other.receive()
            assert isinstance(answer, m.QueryReply)
            assert answer.id == id
            assert server.broker.steps
        welcome, reply = [await large.receive() for _ in range(2)]
        assert isinstance(welcome, m.Welcome)
        assert isinstance(reply, m.QueryReply)
        assert len(m.read_channels(reply.value)) == 1000
        for connection in (other, large):
            connection.writer.close()


async def test_a_worker_that_asks_and_does_not_read_is_not_read_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """100,000 questions of 13 bytes whose answers have 50 kB: 5 GB, of which the hub keeps a little."""
    monkeypatch.setattr(step_queue, "TURN_S", 0.001)
    async with serving(tmp_path) as server:
        other = await connect(tmp_path, "w1")
        names = [f"channel-{number}-{'x' * 80}" for number in range(500)]
        greedy = await connect(tmp_path, "w2", *names)
        [peer] = [each.peer for each in server.connections if each.peer.node == "w2"]
        questions = b"".join(encode_frame(m.QueryChannels(id, APP, "")) for id in range(100_000))
        greedy.writer.write(questions)
        while not server.unread:
            await asyncio.sleep(0)
        for id in range(1, 200):  # others go on
            other.writer.write(encode_frame(m.QueryConnections(id, APP)))
            assert isinstance(await other.receive(), m.QueryReply)
            assert peer.waiting_bytes < len(questions)
            assert peer.unsent_bytes < 3 * FULL_BYTES
        server.broker.tick()
        assert server.broker.workers == 2  # it is not taken for silent
        for _ in range(300):
            await greedy.receive()
        for connection in (other, greedy):
            connection.writer.close()


async def test_a_worker_that_reads_again_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_module, "FULL_BYTES", 100_000)
    monkeypatch.setattr(step_queue, "TURN_S", 0.001)
    async with serving(tmp_path) as server:
        names = [f"channel-{number}-{'x' * 80}" for number in range(500)]
        worker = await connect(tmp_path, "w1", *names)
        [peer] = [each.peer for each in server.connections]
        for id in range(100):  # 5 MB of answers
            worker.writer.write(encode_frame(m.QueryChannels(id, APP, "")))
        while not server.unread:
            if peer.is_full:  # with the next that comes, which may be when it is not, for a moment
                worker.writer.write(encode_frame(m.HeartbeatRequest()))
            await asyncio.sleep(0)
        worker.writer.write(encode_frame(m.QueryConnections(100, APP)))
        answered = -1
        while answered < 100:
            reply = await worker.receive()
            if isinstance(reply, m.QueryReply):
                assert reply.id == answered + 1
                answered = reply.id
        assert not server.unread
        worker.writer.close()


async def test_a_stream_of_garbage_ends_its_connection_and_no_other(tmp_path: Path) -> None:
    async with serving(tmp_path):
        one, two = await connect(tmp_path, "w1"), await connect(tmp_path, "w2")
        one.writer.write(b"\xff" * 100)
        assert await one.reader.read() == b""
        two.writer.write(encode_frame(m.HeartbeatRequest()))
        assert await two.receive() == m.HeartbeatReply()
        for connection in (one, two):
            connection.writer.close()


async def test_a_connection_that_is_replaced_while_it_is_not_read_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_module, "FULL_BYTES", 1000)
    monkeypatch.setattr(step_queue, "TURN_S", -1.0)  # a single step in each turn of the loop
    async with serving(tmp_path) as server:
        old = await connect(tmp_path, "w1")
        old.writer.write(b"".join(encode_frame(m.QueryConnections(id, APP)) for id in range(5000)))
        while not server.unread:
            await asyncio.sleep(0)
        new = await connect(tmp_path, "w1")
        while len(server.connections) > 1:
            await asyncio.sleep(0)
        assert not server.unread
        assert server.broker.workers == 1
        assert not server.no_connections.is_set()
        for connection in (old, new):
            connection.writer.close()
        await server.no_connections.wait()


async def test_a_goodbye_is_heard_although_the_worker_has_gone_before_it_is_read(tmp_path: Path) -> None:
    """The hub finds out that it has gone by what it sends: two workers drain at the same time."""
    async with serving(tmp_path) as server:
        first = await connect(tmp_path, "w1")
        leaving = socket.socket(socket.AF_UNIX)
        leaving.connect(str(tmp_path / "hub.sock"))
        report = m.ChannelReport(APP, "news", 1, [])
        leaving.sendall(encode_frame(m.Hello("w2", "", {}, [report], [], [])))
        while server.broker.workers < 2:
            await asyncio.sleep(0)
        leaving.sendall(encode_frame(m.Goodbye()))
        leaving.close()
        server.broker._peers.send_to_all(m.EventsMissed(1))
        server.flush()
        while server.broker.workers > 1:
            await asyncio.sleep(0)
        assert server.broker._absent.all_are_kept
        assert await first.receive() == m.EventsMissed(1)
        assert await first.receive() == m.NodeGone("w2")
        first.writer.close()


async def test_a_hub_that_stops_drops_its_workers_and_does_nothing_more(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        worker = await connect(tmp_path, "w1")
        timer = server._timer
        assert timer is not None
        assert not timer.cancelled()
        await server.stop()
        assert timer.cancelled()
        with contextlib.suppress(ConnectionResetError):
            assert await worker.reader.read() == b""
        await server.no_connections.wait()
        worker.writer.close()
    with pytest.raises(FileNotFoundError):
        await asyncio.open_unix_connection(str(tmp_path / "hub.sock"))
