"""What `revurb top` shows: the state of a server at one time, and the rates between two times."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from revurb.processes.process_load import ProcessLoad

TOTAL = "total"
MIN_STEP_S = 0.1  # less lies between what is told twice
RATES = (
    "deliveries_per_s", "messages_in_per_s", "publishes_per_s", "bytes_out_per_s", "cpu_share", "lag_ms"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SeenProcess:
    """One process: what `revurb status` says of it, and its load, if the server tells that. `at_s` is when the load was
    so, by a monotonic clock; `is_partial` if of it memory and CPU time alone are known."""

    process: str
    pid: int | None
    state: str
    bus: str | None
    connections: int
    at_s: float
    load: ProcessLoad | None = None
    is_partial: bool = False


@dataclass(frozen=True, slots=True)
class SeenServer:
    """A server at one time. `total` is the load of all its processes, where it cannot be added up from theirs."""

    version: str
    address: str
    state: str
    uptime_s: float
    processes: Sequence[SeenProcess]
    total: SeenProcess | None = None


@dataclass(frozen=True, slots=True)
class LoadRow:
    """One line of the table: rates are per second, `cpu_share` of a core. None is not known."""

    process: str
    pid: int | None
    state: str
    bus: str | None
    connections: int
    channels: int | None = None
    deliveries_per_s: float | None = None
    messages_in_per_s: float | None = None
    publishes_per_s: float | None = None
    bytes_out_per_s: float | None = None
    memory_bytes: int | None = None
    cpu_share: float | None = None
    lag_ms: float | None = None
    queued_bytes: int | None = None


class RateMeter:
    """Makes rows of what is seen of a server, one time after the other. A process tells its figures once a second: who
    looks before it has told new ones gets the rates of before. Without any there are none."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, int | None], tuple[SeenProcess, LoadRow | None]] = {}

    def rows(self, server: SeenServer) -> tuple[list[LoadRow], LoadRow]:
        """The row of each process, and that of all together."""
        last, self._last = self._last, {}
        rows = [self._row(last, seen) for seen in server.processes]
        if server.total is None:
            return rows, total_of(rows, server.state)
        return rows, self._row(last, server.total)

    def _row(
        self, last: dict[tuple[str, int | None], tuple[SeenProcess, LoadRow | None]], now: SeenProcess
    ) -> LoadRow:
        key, row = (now.process, now.pid), _row_without_rates(now)
        before, before_row = last.get(key, (now, None))
        if before.load is None or now.load is None or before is now:
            self._last[key] = now, None
            return row
        if now.at_s - before.at_s < MIN_STEP_S:
            self._last[key] = before, before_row
            rates = {} if before_row is None else {name: getattr(before_row, name) for name in RATES}
            return dataclasses.replace(row, **rates)
        row = _with_rates(row, before, now, before.load, now.load)
        self._last[key] = now, row
        return row


def _row_without_rates(now: SeenProcess) -> LoadRow:
    row, load = LoadRow(now.process, now.pid, now.state, now.bus, now.connections), now.load
    if load is None:
        return row
    row = dataclasses.replace(row, memory_bytes=load.memory_bytes or None)
    if now.is_partial:
        return row
    return dataclasses.replace(row, channels=load.channels, queued_bytes=load.queued_bytes)


def _with_rates(
    row: LoadRow, before: SeenProcess, now: SeenProcess, earlier: ProcessLoad, load: ProcessLoad
) -> LoadRow:
    took_s = now.at_s - before.at_s
    row = dataclasses.replace(row, cpu_share=_rate(earlier.cpu_s, load.cpu_s, took_s))
    if now.is_partial or before.is_partial:
        return row
    lags = load.lag_count - earlier.lag_count
    return dataclasses.replace(
        row,
        deliveries_per_s=_rate(earlier.deliveries, load.deliveries, took_s),
        messages_in_per_s=_rate(earlier.messages_in, load.messages_in, took_s),
        publishes_per_s=_rate(earlier.publishes, load.publishes, took_s),
        bytes_out_per_s=_rate(earlier.bytes_out, load.bytes_out, took_s),
        lag_ms=round((load.lag_sum_s - earlier.lag_sum_s) / lags * 1000, 3) if lags > 0 else None,
    )


def _rate(before: float, now: float, took_s: float) -> float:
    """Per second; 0 where a counter has begun again."""
    return round(max(0.0, (now - before) / took_s), 4)


def total_of(rows: Sequence[LoadRow], state: str) -> LoadRow:
    """All rows as one: sums, and the largest lag."""

    def summed(name: str) -> float | None:
        numbers = [number for row in rows if (number := getattr(row, name)) is not None]
        return sum(numbers) if numbers else None

    names = [field.name for field in dataclasses.fields(LoadRow)[5:] if field.name != "lag_ms"]
    lags = [row.lag_ms for row in rows if row.lag_ms is not None]
    sums = {name: summed(name) for name in names}
    return LoadRow(
        TOTAL,
        None,
        state,
        None,
        sum(row.connections for row in rows),
        lag_ms=max(lags, default=None),
        **sums,  # type: ignore[arg-type]
    )
