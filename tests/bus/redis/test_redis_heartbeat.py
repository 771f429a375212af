"""Heartbeats without a Redis: up to where everything has come, whether there was a gap, which server is silent."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from revurb.bus.redis.command_queue import CommandQueue, RedisUnavailable
from revurb.bus.redis.envelope import START, StreamId, pack
from revurb.bus.redis.incoming_events import MAX_AHEAD_MS, IncomingEvents
from revurb.bus.redis.invalid_values import InvalidValues
from revurb.bus.redis.keys import CLUSTER_PARTITIONS, PARTITIONS, Keys, partition_of
from revurb.bus.redis.redis_heartbeat import (
    HEARTBEAT_S,
    SILENT_AFTER_S,
    TAILS_PER_BEAT,
    LogTails,
    RedisHeartbeat,
)
from revurb.bus.redis.scripts import RedisScript, Scripts
from revurb.bus.redis.topic_subscriptions import TopicSubscriptions
from revurb.pusher.ports import PublishedEvent

KEYS = Keys("revurb")
SCRIPTS = Scripts()
KEPT_MS = 60_000
CHANNEL = next(name for name in map(str, range(1000)) if partition_of("a", name) == 3)


class Servers:
    """In place of `CommandQueue`: answers every heartbeat. `ends` are those of the logs that are not empty."""

    def __init__(self) -> None:
        self.now_ms = 1_000_000
        self.ends: dict[str, bytes] = {}
        self.beaten: list[tuple[str, bytes]] = []  # channel, what came on it
        self.holds_replies = False
        self.asked_ends: list[str] = []  # of logs that are not those of the heartbeat's script
        self._held: list[Callable[[], None]] = []

    def ask_script(
        self, script: RedisScript, keys: Sequence[str], args: Sequence[Any]
    ) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.run_script(script, keys, args, future.set_result)
        return future

    def release(self) -> None:
        self.holds_replies = False
        for reply in self._held:
            reply()

    def run_script(
        self, script: RedisScript, keys: Sequence[str], args: Sequence[Any], done: Callable[[Any], None]
    ) -> None:
        if script is SCRIPTS.last_id:
            self.asked_ends.append(keys[0])
            done(self.ends.get(keys[0], b"0-0"))
            return
        assert script is SCRIPTS.heartbeat
        channel, number = args
        reply = [b"%d" % self.now_ms, *(self.ends.get(key, b"0-0") for key in keys)]
        self.beaten.append((channel, b"%d " % number + b" ".join(reply)))
        if self.holds_replies:
            self._held.append(lambda: done(reply))
        else:
            done(reply)


class Process:
    """A node with heartbeats, and what they reported."""

    def __init__(self, split: bool, silent_after_s: float = 60.0, heartbeat_s: float = 0.01) -> None:
        self.servers = Servers()
        self.split = split
        self.server_of: Callable[[str], str] | None = None
        self.received: list[int] = []
        self.deaf: asyncio.Future[RedisUnavailable] = asyncio.get_running_loop().create_future()
        self.invalid, self.topics = InvalidValues(), TopicSubscriptions(KEYS, "n")
        self.topics.add("a", CHANNEL)
        self.incoming = IncomingEvents(
            self.topics, self.invalid, lambda number, envelope: self.received.append(envelope.seq)
        )
        self.heartbeat = RedisHeartbeat(
            "n",
            KEYS,
            self.incoming,
            self._is_deaf,
            self.invalid,
            kept_ms=KEPT_MS,
            heartbeat_s=heartbeat_s,
            silent_after_s=silent_after_s,
        )

    def _is_deaf(self, error: RedisUnavailable) -> None:
        if not self.deaf.done():
            self.deaf.set_result(error)

    def event(self, stream_id: bytes, seq: int) -> None:
        topic = self.topics.find("a", CHANNEL)
        assert topic is not None
        data = stream_id + b"\n" + pack("m", seq, PublishedEvent("a", CHANNEL, b"x"))
        self.incoming.receive_event(topic, b"channel", data)

    async def live(self, *, first: bool = False, served_s: float = 0.0, another: bool = False) -> bool:
        """Begin the next session of the link. Returns whether there was a gap."""
        await self.heartbeat.stop()
        self.incoming.reset(forget_positions=another)
        ends: list[LogTails] = await self.heartbeat.open(
            cast(CommandQueue, self.servers), SCRIPTS, self.split, self.server_of
        )
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
    in_time = Process(split)
    assert not await in_time.live(first=True, served_s=KEPT_MS / 1000)
    await in_time.heartbeat.stop()
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
    process.servers.now_ms += KEPT_MS
    assert not await process.live()
    await process.beat()
    process.servers.now_ms += KEPT_MS
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
    process.event(b"900-0", 1)
    process.servers.ends[KEYS.logs[3]] = b"880-0"
    assert not await process.live()
    assert process.incoming.newest(3) == StreamId(880, 0)
    process.event(b"880-1", 2)
    assert process.received == [1, 2]
    await process.heartbeat.stop()


async def test_whoever_falls_silent_is_named(split: bool) -> None:
    process = Process(split, silent_after_s=1.0)  # more than a busy machine stops all of them for
    await process.live(first=True)
    silent = process.heartbeat.channels[-1]

    async def others_come_back() -> None:
        while True:
            await process.beat(silent)

    answering = asyncio.create_task(others_come_back())
    async with asyncio.timeout(10):
        error = await process.deaf
    answering.cancel()
    assert str(error) == f"no beat has come back from server of {silent} for 1 s"
    await process.heartbeat.stop()


async def test_no_more_heartbeats_are_sent_than_are_due() -> None:
    process = Process(split=False, heartbeat_s=0.9)
    await process.live(first=True)
    process.servers.beaten.clear()
    for _ in range(100):  # turns of the loop, a few ms
        await asyncio.sleep(0)
    assert len(process.servers.beaten) <= 2
    await process.heartbeat.stop()


async def test_garbage_is_counted_and_says_nothing() -> None:
    process = Process(split=False)
    await process.live(first=True)
    channel = process.heartbeat.channels[0].encode()
    await process.beat()
    garbage = (b"", b"1", b"x 1 0-0", b"1 x 0-0", b"1 2 3", b"1 2 a-b", b"\xff" * 9, b"9" * 5000 + b" 1")
    for data in garbage:
        process.heartbeat.on_message(channel, data)
    assert process.invalid.count == len(garbage)
    process.heartbeat.on_message(b"nobody's", b"1 2 0-0")
    assert process.incoming.newest(0) == START
    await process.heartbeat.stop()


async def forge(process: Process, *, holds_replies: bool) -> tuple[bytes, bytes]:
    """Await a heartbeat that says 50-0, and put one that says 77-0 ahead of it. Anybody may write on its channel, and
    guess its number. Returns the channel, and the genuine one."""
    process.servers.beaten.clear()
    process.servers.ends[KEYS.logs[0]] = b"50-0"
    process.servers.holds_replies = holds_replies
    while not process.servers.beaten:
        await asyncio.sleep(0.001)
    name, genuine = process.servers.beaten[0]
    channel, number = name.encode(), genuine.partition(b" ")[0]
    process.heartbeat.on_message(channel, number + b" 1 " + b"77-0 " * PARTITIONS)
    return channel, genuine


@pytest.mark.parametrize("is_early", [False, True], ids=["behind the reply", "ahead of it"])
async def test_only_what_the_script_replied_counts(is_early: bool) -> None:
    process = Process(split=False)
    await process.live(first=True)
    channel, genuine = await forge(process, holds_replies=is_early)
    process.heartbeat.on_message(channel, genuine)
    process.servers.release()
    assert process.incoming.received(0) == StreamId(50, 0)
    assert process.invalid.count == (0 if is_early else 1)
    process.servers.holds_replies = True
    process.heartbeat.on_message(channel, genuine)  # once
    assert process.invalid.count == (1 if is_early else 2)
    await process.heartbeat.stop()


async def test_a_false_one_ahead_of_the_reply_hides_no_genuine_one() -> None:
    process = Process(split=False, heartbeat_s=60)
    await process.live(first=True)
    channel, genuine = await forge(process, holds_replies=True)
    process.servers.release()
    assert (process.incoming.received(0), process.invalid.count) == (START, 1)
    process.heartbeat.on_message(channel, genuine)
    assert (process.incoming.received(0), process.invalid.count) == (StreamId(50, 0), 1)
    lag_s = process.heartbeat.lag_s(time.monotonic() + 60)
    assert lag_s is not None
    assert lag_s < 30  # it was back at once
    await process.heartbeat.stop()


async def test_a_clock_that_jumps_ahead_begins_a_new_session(split: bool) -> None:
    """Events of the new time were refused as false. They are in the log, up to where everything has come."""
    process = Process(split)
    await process.live(first=True)
    process.servers.now_ms += 10 * MAX_AHEAD_MS
    process.event(b"%d-0" % process.servers.now_ms, 1)
    assert process.received == []
    process.servers.ends[KEYS.logs[3]] = b"%d-0" % process.servers.now_ms
    await process.beat()
    async with asyncio.timeout(5):
        assert "jumped" in str(await process.deaf)
    assert process.incoming.received(3) == START
    await process.heartbeat.stop()


def test_a_dead_connection_is_found_as_soon_as_the_documentation_promises() -> None:
    text = (Path(__file__).parents[3] / "docs" / "redis.md").read_text()
    promise = re.search(r"within (\d+) s where nothing says so: every ([\d.]+) s", text)
    assert promise is not None
    assert float(promise[2]) == HEARTBEAT_S
    assert float(promise[1]) >= SILENT_AFTER_S + HEARTBEAT_S


class ClusterProcess(Process):
    """A node on a Cluster of three servers with 1,024 partitions."""

    def __init__(self) -> None:
        super().__init__(split=True)
        KEYS.use(CLUSTER_PARTITIONS)
        self.server_of = lambda log: f"server {KEYS.logs.index(log) % 3}"


@pytest.fixture
def make_cluster() -> Iterator[Callable[[], ClusterProcess]]:
    yield ClusterProcess
    KEYS.use(PARTITIONS)


async def test_in_a_cluster_there_is_a_beat_for_each_server(
    make_cluster: Callable[[], ClusterProcess],
) -> None:
    cluster = make_cluster()
    cluster.servers.ends = {KEYS.logs[number]: b"%d-1" % (number + 1) for number in range(CLUSTER_PARTITIONS)}
    await cluster.live(first=True)
    assert cluster.heartbeat.channels == [
        KEYS.nodes_heartbeat("n"), *(KEYS.heartbeat(number, "n") for number in range(3))
    ]  # fmt: skip
    for number in range(CLUSTER_PARTITIONS):
        assert cluster.incoming.received(number) == StreamId(number + 1, 1)
    await cluster.heartbeat.stop()


async def test_no_beat_asks_for_more_logs_than_64_and_each_has_its_turn(
    make_cluster: Callable[[], ClusterProcess],
) -> None:
    cluster = make_cluster()
    await cluster.live(first=True)
    cluster.servers.ends = {KEYS.logs[number]: b"500000-7" for number in range(CLUSTER_PARTITIONS)}
    beats = 0
    while any(
        cluster.incoming.received(number) != StreamId(500_000, 7) for number in range(CLUSTER_PARTITIONS)
    ):
        cluster.servers.asked_ends.clear()
        await cluster.beat()
        assert len(cluster.servers.asked_ends) <= TAILS_PER_BEAT
        beats += 1
        assert beats < 50
    assert cluster.invalid.count == 0
    await cluster.heartbeat.stop()


async def test_where_something_has_come_is_known_before_the_rest(
    make_cluster: Callable[[], ClusterProcess],
) -> None:
    cluster = make_cluster()
    await cluster.live(first=True)
    number = KEYS.topic("a", CHANNEL).partition
    cluster.topics.clear()
    cluster.topics.add("a", CHANNEL)
    assert number > 16
    await cluster.beat()
    cluster.event(b"999999-5", 1)
    assert cluster.received == [1]
    assert cluster.incoming.received(number) == START
    cluster.servers.ends[KEYS.logs[number]] = b"999999-5"
    for _ in range(2):  # the first may be on its way already
        await cluster.beat()
    assert cluster.incoming.received(number) == StreamId(999_999, 5)
    await cluster.heartbeat.stop()


async def test_a_server_of_a_cluster_that_is_silent_is_found(
    make_cluster: Callable[[], ClusterProcess],
) -> None:
    cluster = make_cluster()
    cluster.heartbeat._silent_after_s = 0.05
    await cluster.live(first=True)
    silent = KEYS.heartbeat(1, "n")

    async def keep_beating() -> None:
        while True:
            await cluster.beat(silent)

    beating = asyncio.create_task(keep_beating())
    async with asyncio.timeout(5):
        assert str(await cluster.deaf) == f"no beat has come back from server of {silent} for 0 s"
    beating.cancel()
    await cluster.heartbeat.stop()


@pytest.mark.parametrize("is_lost", [False, True], ids=["moved", "lost"])
async def test_a_partition_that_moves_to_another_server_ends_the_session(
    make_cluster: Callable[[], ClusterProcess], is_lost: bool
) -> None:
    """Its events come on another route, on which nothing says up to where everything has come."""
    cluster = make_cluster()
    await cluster.live(first=True)
    before = cluster.server_of
    assert before is not None

    def server_of(log: str) -> str:
        if KEYS.logs.index(log) != 500:
            return before(log)
        if is_lost:
            raise RedisUnavailable("no server has the slot")
        return "another server"

    cluster.heartbeat._server_of = server_of
    cluster.servers.ends[KEYS.logs[500]] = b"500000-7"

    async def keep_beating() -> None:
        while True:
            await cluster.beat()

    beating = asyncio.create_task(keep_beating())
    async with asyncio.timeout(5):
        assert str(await cluster.deaf) == "a part of the cluster has moved"
    beating.cancel()
    await cluster.heartbeat.stop()
