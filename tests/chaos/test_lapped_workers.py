"""A worker reads nothing for so long that the others write over what was for it: it misses events, and nothing else,
and where Redis has them not even events."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from revurb.pusher.ports import ChannelSnapshot, PublishedEvent
from tests.bus.engines import ANN, APP, BOB, ROOM, texts_up_to
from tests.bus.redis_engines import RelayedCluster
from tests.chaos.hub_process import HubProcess
from tests.conftest import Run
from tests.redis_server import RedisServer

PLACES = 1 << 12


@pytest.fixture
def cluster(run: Run, tmp_path: Path) -> Iterator[HubProcess]:
    cluster = HubProcess(tmp_path, places=PLACES)
    yield cluster
    run(cluster.close())


async def test_a_subscriber_whose_reply_was_written_over_is_let_in(cluster: HubProcess) -> None:
    slow, busy = await cluster.node(), await cluster.node()
    await busy.enter(ROOM, BOB)
    slow.bus.hold_receiving(True)
    news: asyncio.Future[ChannelSnapshot] = asyncio.ensure_future(slow.enter())
    room: asyncio.Future[ChannelSnapshot] = asyncio.ensure_future(slow.enter(ROOM, ANN))
    await busy.until(lambda: busy.texts(ROOM))  # the hub has counted them, and has replied
    for number in range(PLACES + 1):
        await busy.publish(b"%d" % number, "news")
    slow.bus.hold_receiving(False)
    await news
    assert {member.user_id for member in (await room).members} == {"ann", "bob"}
    assert slow.bus.missed > 0
    await busy.publish(b"end", "news")
    await slow.until(lambda: slow.texts() == [b"end"])
    assert len(busy.texts(ROOM)) == 1  # that ann came is told once


async def test_a_worker_that_is_held_while_its_relay_writes_over_the_log_reads_that_of_redis(
    server: RedisServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As one whose clients take nothing. Nothing is lost, and nothing comes twice."""
    cluster = RelayedCluster(server, tmp_path, places=1 << 10, lease_s=5)
    try:
        slow, publisher = await cluster.node(), await cluster.node()
        for node in (slow, publisher):
            await node.enter()
        expected = [b"%d" % number for number in range(20_000)]
        slow.bus._link.hold_receiving(True)
        for start in range(0, len(expected), 1000):
            texts = expected[start : start + 1000]
            await asyncio.gather(
                *(publisher.bus.publish(PublishedEvent(APP, "news", text)) for text in texts)
            )
            await texts_up_to(publisher, texts[-1])
        assert len(slow.texts()) < len(expected)
        slow.bus._link.hold_receiving(False)
        for node in (slow, publisher):
            await texts_up_to(node, expected[-1])
            assert node.texts() == expected
        assert slow.bus.missed == 0
        assert "too slow for the log of the host" in caplog.text
    finally:
        await cluster.close()
