"""The same rows under pytest-benchmark, for one of them in detail:

    pytest benchmarks/micro -o addopts= --benchmark-timer=time.process_time -k "parse-text and 64"

It measures one contestant after the other; for the comparison itself see table.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.micro.cases import rows


async def _all() -> list[tuple[str, str, Callable[[], Any]]]:
    """Name of the row, contestant, work. Inside a loop, which some contestants ask for when they are made."""
    return [
        (f"{row.group}-{row.name}".replace(" ", "-"), name, work)
        for row in rows()
        for name, work in row.work.items()
    ]


ALL = asyncio.run(_all())


@pytest.mark.parametrize(
    ("row", "work"), [(row, work) for row, _, work in ALL], ids=[f"{row}-{name}" for row, name, _ in ALL]
)
def test_row(row: str, work: Callable[[], Any], benchmark: BenchmarkFixture) -> None:
    benchmark.group = row
    benchmark(work)
