"""What one process of a server does, in a few numbers: for `revurb top`, which asks over the control socket.

Counters are totals since the process began; who asks twice has rates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from revurb.observe.figures import Number, Row

# Field -> metric, of which all samples are added up, whatever their labels.
SUMS: Mapping[str, str] = {
    "connections": "connections",
    "channels": "channels",
    "subscriptions": "subscriptions",
    "messages_in": "messages_received_total",
    "publishes": "events_published_total",
    "client_events": "client_events_total",
    "deliveries": "events_delivered_total",
    "bytes_out": "sent_bytes_total",
    "queued_bytes": "queued_bytes",
    "memory_bytes": "process_memory_bytes",
    "cpu_s": "process_cpu_seconds_total",
}
_FIELD_OF = {metric: field for field, metric in SUMS.items()}
_LAG = "loop_lag_seconds"


class ProcessLoad(msgspec.Struct):
    """`age_s` is how long ago the process told this. Of the lag of its loop there are the number of measurements and
    their sum. What a process does not measure is 0."""

    process: str
    pid: int
    age_s: float
    connections: int = 0
    channels: int = 0
    subscriptions: int = 0
    messages_in: int = 0
    publishes: int = 0
    client_events: int = 0
    deliveries: int = 0
    bytes_out: int = 0
    queued_bytes: int = 0
    memory_bytes: int = 0
    cpu_s: float = 0.0
    lag_count: int = 0
    lag_sum_s: float = 0.0


def load_of(process: str, pid: int, age_s: float, rows: Iterable[Row]) -> ProcessLoad:
    """The load in the figures of a process."""
    sums: dict[str, Number] = {}
    for name, _, numbers in rows:
        if name == _LAG:
            sums["lag_count"] = sum(numbers[:-1])
            sums["lag_sum_s"] = numbers[-1]
        elif (field := _FIELD_OF.get(name)) is not None:
            sums[field] = sums.get(field, 0) + numbers[0]
    return ProcessLoad(process, pid, age_s, **sums)  # type: ignore[arg-type]  # integers where it has integers
