"""One row of a measurement, and whether it says anything about the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from revurb.bench.generator_watch import FULL, Watched, percentile

LATE_MS, LATE_SHARE = 5.0, 0.25  # a generator whose loop is later than that, and than such a share of the p99
MIN_SENT = 0.99  # of what was due at a rate


@dataclass(frozen=True, slots=True)
class BenchRow:
    """What one scenario came to. `per_s` is a rate of `unit`; latencies are None where none were measured. `void` is
    why the row says nothing about the server, or None."""

    scenario: str
    title: str
    unit: str
    count: int
    seconds: float
    per_s: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    server_cpu_share: float | None
    server_memory_bytes: int | None
    generator_cpu_share: float
    generator_wanted_share: float
    generator_lag_ms: float
    void: str | None = None
    note: str | None = None


def bench_row(
    scenario: str, title: str, unit: str, count: int, latencies_s: Sequence[float], watched: Watched, *,
    void: str | None = None, note: str | None = None, is_paced: bool = False,
) -> BenchRow:  # fmt: skip
    """The row of a scenario. `is_paced` is one that sends at a rate, and not as fast as it can."""
    p50, p95, p99, most = (_ms(latencies_s, share) for share in (0.5, 0.95, 0.99, 1.0))
    return BenchRow(
        scenario=scenario,
        title=title,
        unit=unit,
        count=count,
        seconds=round(watched.took_s, 3),
        per_s=round(count / watched.took_s, 1),
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        max_ms=most,
        server_cpu_share=None if watched.server_share is None else round(watched.server_share, 3),
        server_memory_bytes=watched.server_memory_bytes,
        generator_cpu_share=round(watched.generator_share, 3),
        generator_wanted_share=round(watched.generator_wanted_share, 3),
        generator_lag_ms=round(watched.generator_lag_ms, 3),
        void=void or generator_limit(watched, p99, is_paced=is_paced),
        note=note,
    )


def _ms(latencies_s: Sequence[float], share: float) -> float | None:
    return round(percentile(latencies_s, share) * 1000, 3) if latencies_s else None


def generator_limit(watched: Watched, p99_ms: float | None, *, is_paced: bool) -> str | None:
    """Why the generator was the limit; None if it was not. Where a process of the server wanted
    a whole core as well, the rate is the server's."""
    wanted = (
        f"it wanted {watched.generator_wanted_share:.0%} of a core, and had {watched.generator_share:.0%}"
    )
    if watched.generator_wanted_share >= FULL and (is_paced or (watched.server_wanted_share or 0.0) < FULL):
        return f"the generator was the limit: {wanted}"
    if is_paced and watched.generator_lag_ms > max(LATE_MS, LATE_SHARE * (p99_ms or 0.0)):
        return f"the generator was the limit: its own loop was {watched.generator_lag_ms:.1f} ms late"
    return None
