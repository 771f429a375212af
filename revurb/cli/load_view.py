"""How `revurb top` shows a server: a table of its processes, and lines of the last minute where there is a terminal."""

from __future__ import annotations

import dataclasses
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from revurb.cli.load_sample import LoadRow, SeenServer
from revurb.cli.status import COLOURS, format_duration, format_lag
from revurb.cli.tables import cell

KEPT = 60  # samples
BARS, ASCII_BARS = "▁▂▃▄▅▆▇█", "_.,:-=+#"
HIGH_CPU, HIGH_LAG_MS = 0.9, 100.0
GAP = 2  # between two columns
# Where a terminal is too narrow for all columns, these are left out, the first one first.
DISPENSABLE = (
    "Pid",
    "Channels",
    "Queued",
    "Out",
    "Publishes/s",
    "State",
    "Messages/s",
    "Loop lag",
    "Memory",
    "CPU",
)
BESIDE_PROCESSES = (
    11  # lines of a screen: first line, headings, total, figures of the last minute, the last line
)
MIN_PROCESSES = 3  # then it is the last minute that is left out


class LoadHistory:
    """The last minute of the figures of all processes together."""

    def __init__(self) -> None:
        self.rows: deque[LoadRow] = deque(maxlen=KEPT)

    def lines(self, bars: str, width: int) -> Table:
        """A line of bars for each figure, the newest at the right, with the largest of them behind it."""
        table = Table(box=None, pad_edge=False, show_header=False)
        for title, name, shown in (
            ("Connections", "connections", _count),
            ("Deliveries/s", "deliveries_per_s", _rate),
            ("Messages/s", "messages_in_per_s", _rate),
            ("Publishes/s", "publishes_per_s", _rate),
            ("CPU", "cpu_share", _share),
        ):
            numbers = [float(getattr(row, name) or 0) for row in self.rows][-max(8, width) :]
            most = max(numbers, default=0.0)
            table.add_row(title, sparkline(numbers, bars), Text(f"at most {shown(most)}", "dim"))
        return table


def sparkline(numbers: Sequence[float], bars: str = BARS) -> str:
    """A character for each number, of eight heights; the largest number has the highest."""
    most = max(numbers, default=0.0) or 1.0
    return "".join(bars[min(len(bars) - 1, int(number / most * len(bars)))] for number in numbers)


def headline(server: SeenServer) -> str:
    return (
        f"Revurb {server.version} on {server.address}: {server.state}, up {format_duration(server.uptime_s)}"
    )


def load_table(
    rows: Sequence[LoadRow], total: LoadRow, width: int | None = None, *, is_all: bool = True
) -> Table:
    """A line for each process, and one for all, unless there is but one of which as much is known; `is_all` says
    whether `rows` are all of them.
    With a `width` in characters, of the columns that fit into it."""
    lines = [_cells(row, is_total=False) for row in rows]
    is_whole = (
        is_all and len(rows) == 1 and (rows[0].deliveries_per_s, total.deliveries_per_s).count(None) != 1
    )
    if not is_whole:
        lines.append(_cells(total, is_total=True))
    headings = list(lines[0])
    widths = {heading: max(len(heading), *(line[heading].cell_len for line in lines)) for heading in headings}
    for heading in DISPENSABLE:
        if width is not None and sum(widths[each] + GAP for each in headings) - GAP > width:
            headings.remove(heading)
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(
            heading, justify="left" if heading in ("Process", "State") else "right", no_wrap=True
        )
    for line in lines:
        table.add_row(*(line[heading] for heading in headings))
    return table


def _cells(row: LoadRow, *, is_total: bool) -> dict[str, Text]:
    """The cells of a line by their headings."""
    is_late, is_full = (row.lag_ms or 0) > HIGH_LAG_MS, (row.cpu_share or 0) > HIGH_CPU and not is_total
    out = "-" if row.bytes_out_per_s is None else f"{format_bytes(row.bytes_out_per_s)}/s"
    return {
        "Process": cell(row.process, "bold" if is_total else ""),
        "Pid": cell("-" if row.pid is None else str(row.pid)),
        "State": cell(
            f"{row.state}, {row.bus}" if row.bus else row.state,
            "red" if row.bus else COLOURS.get(row.state, "yellow"),
        ),
        "Connections": cell(_count(row.connections)),
        "Channels": cell(_count(row.channels)),
        "Deliveries/s": cell(_rate(row.deliveries_per_s)),
        "Messages/s": cell(_rate(row.messages_in_per_s)),
        "Publishes/s": cell(_rate(row.publishes_per_s)),
        "Out": cell(out),
        "Queued": cell(format_bytes(row.queued_bytes)),
        "Memory": cell(format_bytes(row.memory_bytes)),
        "CPU": cell(_share(row.cpu_share), "yellow" if is_full else ""),
        "Loop lag": cell(format_lag(row.lag_ms), "yellow" if is_late else ""),
    }


def screen(
    server: SeenServer,
    rows: Sequence[LoadRow],
    total: LoadRow,
    history: LoadHistory,
    bars: str,
    size: tuple[int, int],
) -> RenderableType:
    """All of a terminal of `size` columns and lines. Where it has too few lines for all processes, those come first
    that are not well."""
    width, height = size
    room = height - BESIDE_PROCESSES
    has_history = room >= min(MIN_PROCESSES, len(rows))
    if not has_history:
        room = height - BESIDE_PROCESSES + 6
    left_out = len(rows) - max(1, room - 1) if len(rows) > room else 0
    if left_out:
        by_need = sorted(rows, key=lambda row: row.state == "ready" and not row.bus)  # stable
        kept = by_need[: len(rows) - left_out]
        table = load_table([row for row in rows if row in kept], total, width, is_all=False)
    else:
        table = load_table(rows, total, width)
    more = [Text(f"and {left_out} more: revurb top --once lists all", "dim")] if left_out else []
    lines: list[RenderableType] = [Text(), history.lines(bars, width - 40)] if has_history else []
    return Group(
        cell(headline(server), "bold"), Text(), table, *more, *lines, Text("q or Ctrl-C ends", "dim")
    )


def json_row(server: SeenServer, rows: Sequence[LoadRow], total: LoadRow) -> dict[str, Any]:
    """A sample as `revurb top --json` prints it."""
    return {
        "at_ms": round(time.time() * 1000),
        "address": server.address,
        "version": server.version,
        "state": server.state,
        "uptime_s": round(server.uptime_s, 3),
        "processes": [dataclasses.asdict(row) for row in rows],
        "total": dataclasses.asdict(total),
    }


def format_bytes(count: float | None) -> str:
    """Such as "0 B", "512 B", "1.5 KiB" or "31 MiB"; "-" for None."""
    if count is None:
        return "-"
    number, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if number < 1024 or unit == "TiB":
            break
        number /= 1024
    return f"{number:.0f} {unit}" if unit == "B" or number >= 10 else f"{number:.1f} {unit}"


def _count(number: float | None) -> str:
    return "-" if number is None else f"{number:,.0f}"


def _rate(number: float | None) -> str:
    return "-" if number is None else f"{number:,.0f}" if number >= 10 or number == 0 else f"{number:.1f}"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"
