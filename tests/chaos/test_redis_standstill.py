"""A Redis that takes nothing, and does not say so: what waits for it is bounded, counted and logged once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from revurb.bus.brokered.outbound_queue import MAX_WAITING_BYTES
from revurb.bus.redis import event_publisher
from revurb.bus.redis.redis_session import RedisSession
from revurb.pusher.ports import PublishedEvent
from tests.bus.engines import APP
from tests.bus.redis_engines import RedisCluster
from tests.chaos.storm import MakeCluster
from tests.conftest import Run
from tests.redis_server import RedisServer

TEXT_BYTES = 10_000
MIB = 1024 * 1024


@pytest.fixture
def cluster(make_cluster: MakeCluster, server: RedisServer, run: Run) -> Iterator[RedisCluster]:
    cluster = make_cluster(server, lease_s=5, heartbeat_s=0.3)
    yield cluster
    server.signal(signal.SIGCONT)
    run(cluster.close())


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


async def test_a_flood_of_events_takes_no_more_memory_than_the_bounds(
    cluster: RedisCluster, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    node, other = await cluster.node(), await cluster.node()
    await other.enter()
    server.signal(signal.SIGSTOP)
    before, count = resident_bytes(), 30_000  # 300 MB
    for number in range(count):
        node.bus.publish(PublishedEvent(APP, "news", b"%09d" % number + b"x" * TEXT_BYTES))
        if number % 1000 == 0:
            await asyncio.sleep(0)
    session: Any = node.bus._link._session
    assert isinstance(session, RedisSession)
    assert session._commands.waiting_bytes <= event_publisher.MAX_QUEUED_BYTES + 2 * TEXT_BYTES
    assert resident_bytes() - before < MAX_WAITING_BYTES + 40 * MIB
    kept = MAX_WAITING_BYTES // TEXT_BYTES
    assert count - kept <= node.bus.health.dropped < count
    server.signal(signal.SIGCONT)
    last = b"%09d" % (count - 1)
    await other.until(lambda: other.received and other.texts()[-1].startswith(last))
    numbers = [int(text[:9]) for text in other.texts()]
    assert numbers == sorted(set(numbers))
    assert len(numbers) >= count - node.bus.health.dropped
    warnings = [record.message for record in caplog.records if "too many events" in record.message]
    assert len(warnings) == 1


async def test_a_flood_of_other_commands_ends_the_session(
    cluster: RedisCluster, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revurb.bus.redis.command_queue.MAX_WAITING_BYTES", MIB)
    node = await cluster.node()
    server.signal(signal.SIGSTOP)
    commands: Any = node.bus._link._session._commands
    for _ in range(2000):
        commands.run_command("PING", b"x" * 1000)
    assert commands.waiting_bytes == commands.waiting == 0
    await node.until(lambda: node.bus.degraded)
    server.signal(signal.SIGCONT)
    await node.until(lambda: not node.bus.degraded)
