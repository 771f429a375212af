"""The hub stands still, or its worker does, while facts are sent: what is done is not sent once more."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from revurb.pusher.facts import CLIENT_EVENTS, Fact
from tests.bus.engines import APP, BusNode
from tests.chaos.hub_process import HubProcess
from tests.conftest import Run


@pytest.fixture
def cluster(run: Run, tmp_path: Path) -> Iterator[HubProcess]:
    cluster = HubProcess(tmp_path, lease_s=1)
    yield cluster
    run(cluster.close())


def times(node: BusNode) -> list[int]:
    return [each.fact.time_ms for each in node.facts]


async def test_what_was_done_while_the_hub_stood_still_is_not_sent_again(cluster: HubProcess) -> None:
    cluster.wanted = {APP: CLIENT_EVENTS}
    node = await cluster.node()
    for number in range(3):
        node.bus.record(Fact("client_event", APP, "news", number))
    await node.until(lambda: len(node.facts) == 3)
    assert node.queue is not None
    before = list(node.facts)
    os.kill(cluster.pid, signal.SIGSTOP)
    node.queue.done([before[0].id])  # into a connection that is given up
    await node.until(lambda: not node.bus.is_linked)
    node.queue.done([before[1].id])
    node.facts.clear()
    os.kill(cluster.pid, signal.SIGCONT)
    await node.until(lambda: node.bus.is_linked)
    node.bus.record(Fact("client_event", APP, "news", 9))
    await node.until(lambda: 9 in times(node))
    assert set(times(node)) <= {2, 9}
    await cluster.kill(node)
    other = await cluster.node()
    await other.until(lambda: 9 in times(other))
    assert times(other) == [2, 9]
