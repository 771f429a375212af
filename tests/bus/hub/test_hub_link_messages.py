"""What a link makes of the bytes of its hub, and when it says something itself."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from pathlib import Path

from revurb.bus.brokered import broker_messages as m
from revurb.bus.hub.framing import MessageSplitter, encode_frame
from revurb.bus.hub.hub_link import MAX_MISSED_HEARTBEATS
from tests.bus.hub.test_hub_link import Owner, linked_to, until


class ScriptedHub:
    """Takes connections, and writes what the test says."""

    def __init__(self) -> None:
        self.writers: list[asyncio.StreamWriter] = []
        self.received: list[m.FromWorker] = []

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        splitter = MessageSplitter()
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                self.received += map(m.read_from_worker, splitter.feed(data))
        writer.close()

    @property
    def heartbeats(self) -> int:
        return sum(isinstance(message, m.HeartbeatRequest) for message in self.received)


@contextlib.asynccontextmanager
async def linked(tmp_path: Path, heartbeat_s: float = 1.0) -> AsyncIterator[tuple[ScriptedHub, Owner]]:
    hub = ScriptedHub()
    server = await asyncio.start_unix_server(hub.take, str(tmp_path / "hub.sock"))
    owner = linked_to(str(tmp_path / "hub.sock"), heartbeat_s)
    owner.link.send(m.Goodbye())  # nobody is there yet, and nothing is kept for them
    await until(lambda: hub.received)
    try:
        yield hub, owner
    finally:
        await owner.link.stop()
        for writer in hub.writers:
            writer.close()
        server.close()


async def test_what_cannot_be_read_is_counted_and_the_rest_is_taken(tmp_path: Path) -> None:
    async with linked(tmp_path) as (hub, owner):
        nonsense = struct.pack(">IB", 2, m.VERSION) + b"\xc1"
        hub.writers[0].write(nonsense + encode_frame(m.HubReady()) + encode_frame(m.Refused(7)))
        await until(lambda: owner.received)
        assert owner.received == [m.Refused(7)]
        assert owner.link.invalid_messages == 1
        assert owner.calls == ["linked"]  # once, whatever the hub says
        assert hub.received == [m.Hello("w1", "", {}, [], [], [], [], owner.link.token)]


async def test_half_a_message_of_one_hub_does_not_spoil_the_next_ones(tmp_path: Path) -> None:
    async with linked(tmp_path) as (hub, owner):
        hub.writers[0].write(encode_frame(m.Refused(7)) + encode_frame(m.Refused(8))[:-1])
        await until(lambda: owner.received)
        hub.writers[0].close()
        await until(lambda: len(hub.writers) == 2)
        hub.writers[1].write(encode_frame(m.Refused(9)))
        await until(lambda: len(owner.received) == 2)
        assert owner.received == [m.Refused(7), m.Refused(9)]
        assert owner.calls == ["linked", "unlinked", "linked"]


async def test_a_heartbeat_is_sent_when_it_is_due_and_silence_is_counted_from_what_came_last(
    tmp_path: Path,
) -> None:
    heartbeat_s = 1000.0
    async with linked(tmp_path, heartbeat_s) as (hub, owner):
        link, now = owner.link, asyncio.get_running_loop().time()
        link.tick(now + heartbeat_s / 2)
        link.tick(now + heartbeat_s + 1)
        link.tick(now + heartbeat_s + 2)
        await until(lambda: hub.heartbeats)
        link.tick(now + 2 * heartbeat_s)
        link.tick(now + 2 * heartbeat_s + 2)
        await until(lambda: hub.heartbeats >= 2)
        hub.writers[0].write(encode_frame(m.HeartbeatReply()))
        await until(lambda: owner.received)
        link._received_at += 10 * heartbeat_s  # as if it had come then
        link.tick(now + (10 + MAX_MISSED_HEARTBEATS) * heartbeat_s)
        assert owner.calls == ["linked"]
        await until(lambda: hub.heartbeats >= 3)
        assert hub.heartbeats == 3
        link._received_at = now
        link.tick(now + (20 + MAX_MISSED_HEARTBEATS) * heartbeat_s)
        await until(lambda: len(owner.calls) > 1)
        assert owner.calls[1] == "unlinked"
        assert hub.heartbeats == 3


async def test_the_lag_is_that_of_the_present_hub(tmp_path: Path) -> None:
    async with linked(tmp_path, 0.0) as (hub, owner):
        link, now = owner.link, asyncio.get_running_loop().time()
        link._received_at = now + 10
        assert link.lag_s(0.0) is None
        link.tick(now + 1)
        assert link.lag_s(float("inf")) == float("inf")  # under way for so long
        hub.writers[0].write(encode_frame(m.HeartbeatReply()))
        await until(lambda: owner.received)
        lag_s = link.lag_s(float("inf"))
        assert lag_s is not None
        assert 0 <= lag_s < 10
        hub.writers[0].close()
        await until(lambda: len(hub.writers) == 2)
        await until(lambda: owner.calls == ["linked", "unlinked", "linked"])
        assert link.lag_s(0.0) is None
