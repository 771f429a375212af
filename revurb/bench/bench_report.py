"""What was measured, for programs and as a page: JSON, and one HTML file that needs nothing else."""

from __future__ import annotations

import dataclasses
import json
import math
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from revurb.bench.bench_row import BenchRow
from revurb.bench.bench_run import BenchPlan
from revurb.version import __version__

BAR_WIDTH, BAR_HEIGHT, LABEL_WIDTH, VALUE_WIDTH = 420, 26, 330, 150
_STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --faint: #59636e; --bar: #2f6f9f; --void: #b35900; --line: #d1d9e0 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --faint: #9198a1; --bar: #6cb0e0; --void: #f0a35e; --line: #3d444d }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); margin: 2rem auto; max-width: 72rem; padding: 0 1rem }
.wide { overflow-x: auto; margin-bottom: 1rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; white-space: nowrap }
th, td { padding: .3rem .8rem; border-bottom: 1px solid var(--line); text-align: right }
th:first-child, td:first-child { text-align: left }
.void { color: var(--void) } .faint { color: var(--faint) }
svg text { font: 13px system-ui, sans-serif; fill: var(--ink) } svg rect { fill: var(--bar) }
"""


@dataclass(frozen=True, slots=True)
class BenchReport:
    """Rows, and under what they came about. `server` is its address, `at` the time as text."""

    server: str
    at: str
    plan: BenchPlan
    rows: Sequence[BenchRow]

    def to_json(self) -> str:
        report = {
            "revurb": __version__,
            "server": self.server,
            "at": self.at,
            "machine": _machine(),
            "plan": dataclasses.asdict(self.plan),
            "rows": [dataclasses.asdict(row) for row in self.rows],
        }
        return json.dumps(report, indent=2) + "\n"

    def to_html(self) -> str:
        """A page for people, in dark and light, whole in itself."""
        cells = "\n".join(
            f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row_texts(row))}</tr>" for row in self.rows
        )
        head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in HEADINGS)
        notes = "\n".join(
            f'<p class="{kind}">{escape(f"{row.title}: {text}")}</p>'
            for row, kind, text in notes_of(self.rows)
        )
        plan = self.plan
        about = (
            f"{self.at}, revurb bench {__version__} on {_machine()}; {plan.seconds:g} s each, at most "
            f"{plan.connections:,} connections, events of {plan.size_bytes} bytes, {plan.window} in flight"
        )
        return (
            f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta name="viewport" content="width=device-width">\n<title>{escape(self.server)}: revurb bench</title>\n'
            f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>What {escape(self.server)} does</h1>\n"
            f'<p class="faint">{escape(about)}</p>\n'
            f'<div class="wide" tabindex="0" role="region" aria-label="Picture">{_bars(self.rows)}</div>\n'
            f'<div class="wide" tabindex="0" role="region" aria-label="Figures"><table>\n'
            f"<thead><tr>{head}</tr></thead>\n<tbody>\n{cells}\n</tbody></table></div>\n{notes}\n"
            f'<p class="faint">{escape(METHOD)}</p>\n</body>\n</html>\n'
        )


METHOD = (
    "Bars are logarithmic. Rates are of a closed loop: the next is sent when what was sent has arrived. Latencies are "
    "those of the generator's clock, its own delays included. A row is void where the generator was the limit, as it "
    "measures itself then."
)
HEADINGS = (
    "Scenario", "Rate", "p50", "p95", "p99", "Max", "Server CPU", "Server memory", "Generator CPU", "Generator lag",
)  # fmt: skip


def row_texts(row: BenchRow) -> tuple[str, ...]:
    """The cells of a row, as HEADINGS has them."""
    memory = None if row.server_memory_bytes is None else row.server_memory_bytes / 1024 / 1024
    return (
        row.title,
        _rate(row),
        *(_ms(value) for value in (row.p50_ms, row.p95_ms, row.p99_ms, row.max_ms)),
        _share(row.server_cpu_share),
        "-" if memory is None else f"{memory:,.0f} MiB",
        _share(row.generator_cpu_share),
        _ms(row.generator_lag_ms),
    )


def _rate(row: BenchRow) -> str:
    rate = f"{row.per_s:,.0f} {row.unit}"
    return rate if row.void is None else f"void ({rate})" if row.count else "void"


def notes_of(rows: Sequence[BenchRow]) -> list[tuple[BenchRow, str, str]]:
    """What is said of rows below the table: ("void" or "faint", text)."""
    said = [(row, kind, text) for row in rows for kind, text in (("void", row.void), ("faint", row.note))]
    return [(row, kind, text) for row, kind, text in said if text is not None]


def _bars(rows: Sequence[BenchRow]) -> str:
    """The rates as a picture, on one logarithmic scale, as they differ by a factor of a thousand."""
    shown = [row for row in rows if row.void is None and row.per_s > 0]
    most = math.log10(max((row.per_s for row in shown), default=0.0) + 1) or 1.0
    width, height = LABEL_WIDTH + BAR_WIDTH + VALUE_WIDTH, BAR_HEIGHT * len(shown)
    parts = []
    for number, row in enumerate(shown):
        y, length = number * BAR_HEIGHT, max(2.0, BAR_WIDTH * math.log10(row.per_s + 1) / most)
        parts.append(
            f'<text x="0" y="{y + 17}">{escape(row.title)}</text>'
            f'<rect x="{LABEL_WIDTH}" y="{y + 4}" width="{length:.0f}" height="{BAR_HEIGHT - 8}"/>'
            f'<text x="{LABEL_WIDTH + length + 8:.0f}" y="{y + 17}">{row.per_s:,.0f} {escape(row.unit)}</text>'
        )
    label = "; ".join(f"{row.title}: {row.per_s:,.0f} {row.unit}" for row in shown)
    return (
        f'<svg role="img" aria-label="{escape(label)}" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">{"".join(parts)}</svg>'
    )


def _machine() -> str:
    return f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f} ms" if value < 100 else f"{value:,.0f} ms"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"
