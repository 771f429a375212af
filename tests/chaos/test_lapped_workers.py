"""A worker reads nothing for so long that the others write over what was for it: it misses events, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from revurb.pusher.ports import ChannelSnapshot
from tests.bus.engines import ANN, BOB, ROOM
from tests.chaos.hub_process import HubProcess
from tests.conftest import Run

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
