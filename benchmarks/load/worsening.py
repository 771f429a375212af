"""What has got worse since the last recording.

Times of two runs are not compared, since the machine has moods: ratios are, to the peer or the floor of the same run.
Memory is compared as it is.
"""

from __future__ import annotations

from typing import NamedTuple

from benchmarks.load.recording import Recording
from benchmarks.load.rounds import Result
from benchmarks.load.scenarios import Figure
from benchmarks.load.table import amount, counts, title

TOLERANCE = 0.10  # between two runs of the same program, ratios differ by some 5 %


class Compared(NamedTuple):
    """A figure of both runs: in bytes, or as a ratio `to` a server, None for the floor."""

    figure: Figure
    to: str | None
    was: float
    is_now: float

    @property
    def is_worse(self) -> bool:
        return self.is_now > self.was * (1 + TOLERANCE)

    def __str__(self) -> str:
        unit = f" x {title(self.to) if self.to else 'floor'}" if self.figure.unit != "bytes" else ""
        now, was = (amount(each, "bytes") if not unit else f"{each:.2f}" for each in (self.is_now, self.was))
        return f"{self.figure.about}: {now}{unit}, was {was}"


def comparison(now: Recording, before: Recording) -> str:
    """A line for each figure of the first server that is more than TOLERANCE above what is on record, and for each
    scenario that it fails in now; or one that says how many are not."""
    date, rows = before.circumstances["date"], compared_rows(now, before)
    lines = [f"worse than on {date}: {name} fails" for name in _failing(now, before)]
    lines += [f"worse than on {date}: {row}" for row in rows if row.is_worse]
    return "\n".join(lines) or f"no row is worse than on {date}, of {len(rows)} that can be compared"


def _failing(now: Recording, before: Recording) -> list[str]:
    server = now.servers[0]
    ran = {old.scenario.name for old in before.results if counts(old, server)}
    names = [result.scenario.name for result in now.results if server in result.failures]
    return [name for name in names if name in ran]


def compared_rows(now: Recording, before: Recording) -> list[Compared]:
    """What can be compared: of scenarios that count in both runs, beside the same peer or floor."""
    recorded = {result.scenario.name: result for result in before.results}
    server = now.servers[0]
    rows = []
    for result in now.results:
        old = recorded.get(result.scenario.name)
        if old is None or not (counts(result, server) and counts(old, server)):
            continue
        for figure in result.scenario.figures:
            if figure.error is not None:
                continue  # a difference of two large figures: its sign is chance
            for to in ("uwebsockets", None):
                was, is_now = (_measure(each, server, figure, to) for each in (old, result))
                if was is not None and is_now is not None:
                    rows.append(Compared(figure, to, was, is_now))
                    break
    return rows


def _measure(result: Result, server: str, figure: Figure, to: str | None) -> float | None:
    """What is compared of a figure; None if it, or what it is compared with, does not count."""
    if figure.unit == "bytes":
        return result.median(server, figure)
    if to is not None and not counts(result, to):
        return None
    return result.ratio(server, figure, to)
