"""The pages in a Node process (see pages.mjs), and whether what they were sent is what was published."""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

SCRIPT = Path(__file__).with_name("pages.mjs")
PATIENCE_S = 60.0
_LINE_BYTES = 64 * 1024 * 1024  # of all numbers that a page was sent


class Record(NamedTuple):
    """What one page was sent. `reasons` are those of the gaps between the `stretches`."""

    page: int
    channel: str
    stretches: list[list[int]]
    reasons: list[str]
    connects: int


class Published(NamedTuple):
    """The numbers on one channel, in order: those that were answered with 200, and those whose publishers do not
    know."""

    kept: list[int]
    doubtful: set[int]


class Pages:
    """The process. Made by `opened`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    def tell(self, do: str, **arguments: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")

    async def subscribed(self, count: int) -> None:
        """Wait until so many pages are."""
        fact = None
        try:
            async with asyncio.timeout(PATIENCE_S):
                while fact is None or fact["subscribed"] < count:
                    await asyncio.sleep(0.1)
                    self.tell("progress")
                    fact = await self._fact()
        except TimeoutError:
            raise AssertionError(f"not subscribed: {fact and fact['states']}") from None

    async def last(self) -> Mapping[str, int | None]:
        """The last number of each page; None right behind a gap."""
        self.tell("progress")
        last: Mapping[str, int | None] = (await self._fact())["last"]
        return last

    async def records(self) -> list[Record]:
        self.tell("report")
        records = []
        while "done" not in (fact := await self._fact()):
            records.append(Record(**fact))
        return records

    async def _fact(self) -> Any:
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            line = await self._process.stdout.readline()
        assert line, "the pages ended"
        return json.loads(line)


@contextlib.asynccontextmanager
async def opened(program: str) -> AsyncIterator[Pages]:
    process = await asyncio.create_subprocess_exec(
        program,
        str(SCRIPT),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LINE_BYTES,
    )
    try:
        yield Pages(process)
    finally:
        process.kill()
        await process.wait()


def faults_of(record: Record, published: Published, last: int) -> list[str]:
    """What a page missed, got twice or in another order without being told of a gap. `last` is the number with which
    all was over."""
    found = []
    kept = published.kept
    for number, stretch in enumerate(record.stretches):
        if repeated := _repeated(stretch):
            found.append(f"twice in stretch {number}: {repeated}")
        known = [each for each in stretch if each not in published.doubtful]
        if not known:
            continue
        # A gap may be anywhere between two stretches; within one there is none.
        first = 0 if number == 0 else bisect.bisect_left(kept, known[0])
        expected = kept[first : first + len(known)]
        if known != expected:
            at = next(
                index for index, each in enumerate(known) if index >= len(expected) or each != expected[index]
            )
            found.append(
                f"in stretch {number}: {known[max(0, at - 2) : at + 3]}, not {expected[max(0, at - 2) : at + 3]}"
            )
    if not record.stretches[-1] or record.stretches[-1][-1] != last:
        tails = [stretch[-3:] for stretch in record.stretches[-3:]]
        found.append(f"ended with {tails}, not with {last}; gaps: {record.reasons}")
    return [f"page {record.page} on {record.channel}: {fault}" for fault in found]


def _repeated(numbers: Sequence[int]) -> list[int]:
    return [number for number, times in Counter(numbers).items() if times > 1][:5]
