"""Heartbeats without a Redis: up to where everything has come, whether there was a gap, which server is silent."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest

from revurb.bus.redis.command_queue import CommandQueue, RedisUnavailable
from revurb.bus.redis.envelope import START, StreamId, pack
from revurb.bus.redis.incoming_events import IncomingEvents
from revurb.bus.redis.keys import PARTITIONS, Keys
from revurb.bus.redis.redis_heartbeat import LogTails, RedisHeartbeat
from revurb.bus.redis.scripts import RedisScript, Scripts
from revurb.pusher.ports import PublishedEvent

KEYS = Keys("revurb")
SCRIPT = Scripts().heartbeat
KEPT_MS = 60_000


class Servers:
    """In place of `CommandQueue`: answers every heartbeat. `ends` are those of the logs that are not empty."""

    def __init__(self) -> None:
        self.now_ms = 1_000_000
        self.ends: dict[str, bytes] = {}
        self.beaten: list[tuple[str, bytes]] = []  # channel, what came on it

    def run_script(
        self, script: RedisScript, keys: Sequence[str], args: Sequence[Any], done: Any = None
    ) -> None:
        assert script is SCRIPT
        channel, number = args
        reply = [b"%d" % self.now_ms, *(self.ends.get(key, b"0-0") for key in keys)]
        self.beaten.append((channel, b"%d " % number + b" ".join(reply)))
        if done is not None:
            done(reply)


class Process:
    """A node with heartbeats, and what they reported."""

    def __init__(self, split: bool, silent_after_s: float = 60.0) -> None:
        self.servers = Servers()
        self.split = split
        self.received: list[StreamId] = []
        self.deaf: asyncio.Future[RedisUnavailable] = asyncio.get_running_loop().create_future()
        self.incoming = IncomingEvents(lambda number, position, envelope: self.received.append(position))
        self.heartbeat = RedisHeartbeat(
            "n",
            KEYS,
            self.incoming,
            self._is_deaf,
            kept_ms=KEPT_MS,
            heartbeat_s=0.01,
            silent_after_s=silent_after_s,
        )

    def _is_deaf(self, error: RedisUnavailable) -> None:
        if not self.deaf.done():
            self.deaf.set_result(error)

    async def live(self, *, first: bool = False, served_s: float = 0.0, another: bool = False) -> bool:
        """Begin the next session of the link. Returns whether there was a gap."""
        await self.heartbeat.stop()
        self.incoming.reset(forget_positions=another)
        ends: list[LogTails] = await self.heartbeat.open(cast(CommandQueue, self.servers), SCRIPT, self.split)
        return self.heartbeat.begin(
            ends,
            lambda channel: f"server of {channel}",
            served_s=served_s if first else None,
            is_new_redis=another,
        )

    async def beat(self, silent: str | None = None) -> None:
        """One heartbeat is sent and comes back, on every channel but the silent one."""
        self.servers.beaten.clear()
        while not self.servers.beaten:
            await asyncio.sleep(0.001)
        for channel, data in self.servers.beaten:
            if channel != silent:
                self.heartbeat.on_message(channel.encode(), data)


@pytest.fixture(params=[False, True], ids=["one-server", "cluster"])
def split(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


async def test_there_is_a_beat_for_each_way_that_events_come(split: bool) -> None:
    process = Process(split)
    await process.live(first=True)
    assert len(process.heartbeat.channels) == (1 + PARTITIONS if split else 1)
    assert len({channel.partition("}")[0] for channel in process.heartbeat.channels}) == len(
        process.heartbeat.channels
    )
    await process.heartbeat.stop()


async def test_what_was_before_the_first_life_does_not_concern_us(split: bool) -> None:
    process = Process(split)
    process.servers.ends[KEYS.logs[3]] = b"77-1"
    assert not await process.live(first=True)
    assert process.incoming.newest(3) == StreamId(77, 1)
    assert process.incoming.newest(4) == START
    await process.heartbeat.stop()


async def test_what_came_since_a_node_serves_clients_concerns_it(split: bool) -> None:
    process = Process(split)
    process.servers.ends[KEYS.logs[3]] = b"999000-1"
    process.servers.ends[KEYS.logs[4]] = b"900000-1"
    assert not await process.live(first=True, served_s=5)
    assert process.incoming.newest(3) == StreamId(995_000, 0)
    assert process.incoming.newest(4) == StreamId(900_000, 1)
    await process.heartbeat.stop()
    late = Process(split)
    assert await late.live(first=True, served_s=KEPT_MS / 1000 + 1)
    await late.heartbeat.stop()


async def test_a_quiet_partition_is_known_up_to_its_end_as_well(split: bool) -> None:
    process = Process(split)
    await process.live(first=True)
    process.servers.ends[KEYS.logs[3]] = b"500-2"  # events of channels that are none of ours
    await process.beat()
    assert process.incoming.newest(3) == StreamId(500, 2)
    await process.heartbeat.stop()


async def test_while_the_log_is_read_nothing_is_known(split: bool) -> None:
    process = Process(split)
    await process.live(first=True)
    process.servers.now_ms += KEPT_MS * 2
    await process.beat()
    assert not await process.live()
    process.incoming.catch_up()
    process.servers.ends[KEYS.logs[3]] = b"500-2"
    process.servers.now_ms += KEPT_MS + 1
    await process.beat()
    assert process.incoming.newest(3) == START
    assert await process.live()
    await process.heartbeat.stop()


async def test_a_gap_is_one_longer_than_the_log_by_the_servers_own_clock(split: bool) -> None:
    process = Process(split)
    assert not await process.live(first=True)
    process.servers.now_ms += KEPT_MS
    assert not await process.live()
    process.servers.now_ms += 1
    assert await process.live()
    await process.beat()
    assert not await process.live()
    assert await process.live(another=True)
    assert not await process.live()
    await process.heartbeat.stop()


async def test_a_replica_that_lacks_the_newest_goes_on_from_what_it_has(split: bool) -> None:
    """Its clock may be behind, so that what it adds has ids that are below those that were lost."""
    process = Process(split)
    await process.live(first=True)
    process.incoming.receive_event(3, b"900-0\n" + pack("m", 1, PublishedEvent("a", "c", b"x")))
    process.servers.ends[KEYS.logs[3]] = b"880-0"
    assert not await process.live()
    assert process.incoming.newest(3) == StreamId(880, 0)
    process.incoming.receive_event(3, b"880-1\n" + pack("m", 2, PublishedEvent("a", "c", b"y")))
    assert process.received == [StreamId(900, 0), StreamId(880, 1)]
    await process.heartbeat.stop()


async def test_whoever_falls_silent_is_named(split: bool) -> None:
    process = Process(split, silent_after_s=0.2)
    await process.live(first=True)
    silent = process.heartbeat.channels[-1]

    async def others_come_back() -> None:
        while True:
            await process.beat(silent)

    answering = asyncio.create_task(others_come_back())
    async with asyncio.timeout(5):
        error = await process.deaf
    answering.cancel()
    assert str(error) == f"no beat has come back from server of {silent} for 0 s"
    await process.heartbeat.stop()


async def test_garbage_is_counted_and_says_nothing() -> None:
    process = Process(split=False)
    await process.live(first=True)
    channel = process.heartbeat.channels[0].encode()
    for data in (b"", b"1", b"x 1 0-0", b"1 x 0-0", b"1 2 3", b"1 2 a-b", b"\xff" * 9):
        process.heartbeat.on_message(channel, data)
    assert process.heartbeat.invalid_messages == 7
    process.heartbeat.on_message(b"nobody's", b"1 2 0-0")
    assert process.incoming.newest(0) == START
    await process.heartbeat.stop()
