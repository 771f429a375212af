"""Whether the generator sees its own limits."""

from __future__ import annotations

import os
import time

import pytest

from revurb.bench.generator_watch import LOOK_S, GeneratorWatch, percentile, server_memory_bytes


@pytest.mark.parametrize(
    ("numbers", "share", "expected"),
    [([], 0.5, 0), ([3], 0.99, 3), ([4, 1, 3, 2], 0.5, 3), (list(range(100)), 0.99, 99), ([1, 2], 1.0, 2)],
)
def test_percentile(numbers: list[float], share: float, expected: float) -> None:
    assert percentile(numbers, share) == expected


async def test_a_loop_that_is_blocked_is_late_and_busy() -> None:
    import asyncio

    watch = GeneratorWatch([os.getpid(), 2**22 + 1])
    await asyncio.sleep(2 * LOOK_S)
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass
    await asyncio.sleep(2 * LOOK_S)
    watched = watch.end()
    assert watched.generator_lag_ms > 150
    assert watched.generator_share > 0
    assert watched.generator_wanted_share >= watched.generator_share
    assert watched.server_share is not None  # of the process that is there
    assert watched.server_share > 0


async def test_of_a_server_elsewhere_nothing_is_known() -> None:
    watched = GeneratorWatch([]).end()
    assert (watched.server_share, watched.server_wanted_share, watched.server_memory_bytes) == (
        None,
        None,
        None,
    )
    assert server_memory_bytes([2**22 + 1]) is None
