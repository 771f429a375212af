"""What has got worse since the last recording.

Times of two runs are not compared, since the machine has moods: ratios are, to the peer or the floor of the same run.
Memory is compared as it is.
"""

from __future__ import annotations

from benchmarks.load.recording import Recording
from benchmarks.load.rounds import Result
from benchmarks.load.scenarios import Figure
from benchmarks.load.table import amount, counts, title

TOLERANCE = 0.10  # between two runs of the same program, ratios differ by some 5 %


def worse_rows(now: Recording, before: Recording) -> list[str]:
    """A line for each figure of the first server that is more than TOLERANCE above what is on record, and for each
    scenario that it fails in now."""
    recorded = {result.scenario.name: result for result in before.results}
    server, date = now.servers[0], before.circumstances["date"]
    lines = []
    for result in now.results:
        old = recorded.get(result.scenario.name)
        if old is None or not counts(old, server):
            continue
        if server in result.failures:
            lines.append(f"worse than on {date}: {result.scenario.name} fails")
        if not counts(result, server):
            continue
        for figure in result.scenario.figures:
            if figure.error is not None:
                continue  # a difference of two large figures: its sign is chance
            for to in ("uwebsockets", None):
                was, is_now = (_measure(each, server, figure, to) for each in (old, result))
                if was is None or is_now is None:
                    continue
                if is_now > was * (1 + TOLERANCE):
                    unit = f" x {title(to) if to else 'floor'}" if figure.unit != "bytes" else ""
                    shown = [amount(each, "bytes") if not unit else f"{each:.2f}" for each in (is_now, was)]
                    lines.append(f"worse than on {date}: {figure.about}: {shown[0]}{unit}, was {shown[1]}")
                break
    return lines


def _measure(result: Result, server: str, figure: Figure, to: str | None) -> float | None:
    """What is compared of a figure; None if it, or what it is compared with, does not count."""
    if figure.unit == "bytes":
        return result.median(server, figure)
    if to is not None and not counts(result, to):
        return None
    return result.ratio(server, figure, to)
