"""Heartbeats without a Redis: up to where everything has come, whether there was a gap, which server is silent."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

import pytest

from revurb.bus.redis.envelope import START, StreamId
from revurb.bus.redis.incoming_events import MAX_AHEAD_MS
from revurb.bus.redis.keys import PARTITIONS
from revurb.bus.redis.redis_heartbeat import (
    HEARTBEAT_S,
    SILENT_AFTER_S,
)
from tests.bus.redis.heartbeats import KEPT_MS, KEYS, Process


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


async def test_one_that_is_lost_is_a_gap(split: bool) -> None:
    """What came after those events that were lost with it has come: the log cannot fill the gap any more."""
    process = Process(split)
    await process.live(first=True)
    await process.beat()
    while not process.servers.beaten:
        await asyncio.sleep(0.001)
    process.servers.beaten.clear()
    await process.beat()
    async with asyncio.timeout(5):
        assert str(await process.deaf) == "beats were lost, and so events may have been"
    assert await process.live()
    assert not await process.live()
    await process.heartbeat.stop()


async def test_one_that_redis_refuses_is_not_lost(split: bool) -> None:
    process = Process(split)
    await process.live(first=True)
    await process.beat()
    process.servers.refuses = True
    for _ in range(20):
        await asyncio.sleep(0.002)  # they are sent meanwhile
    process.servers.refuses = False
    await process.beat()
    await process.beat()
    assert not process.deaf.done()
    assert not await process.live()
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
    process.come_back()
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
