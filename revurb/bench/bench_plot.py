"""What was measured as a picture, by matplotlib, which is in the extra `revurb[bench]`."""

from __future__ import annotations

import importlib.util
import io
from typing import Any

from revurb.bench.bench_report import BenchReport

MISSING = "--png needs matplotlib: pip install 'revurb[bench]' (--html needs nothing)"
COLOUR, VOID_COLOUR = "#2f6f9f", "#b0b0b0"


def can_plot() -> bool:
    return importlib.util.find_spec("matplotlib") is not None


def plot_png(report: BenchReport) -> bytes:
    """The rates on the left, the latencies on the right."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    rows = list(report.rows)
    with rc_context({"font.size": 9}):
        figure: Any = Figure(figsize=(11, 1.6 + 0.45 * len(rows)), dpi=120)
        rates, latencies = figure.subplots(1, 2, sharey=True)
        places = range(len(rows))
        colours = [VOID_COLOUR if row.void else COLOUR for row in rows]
        bars = rates.barh(places, [row.per_s for row in rows], color=colours)
        rates.bar_label(
            bars, labels=["void" if row.void else f"{row.per_s:,.0f} {row.unit}" for row in rows], padding=3
        )
        rates.set_yticks(places, [row.title for row in rows])
        rates.invert_yaxis()
        rates.set_xscale("symlog")
        rates.set_xlabel("a second, logarithmic")
        for place, row in enumerate(rows):
            if row.p50_ms is not None and row.p99_ms is not None and not row.void:
                latencies.plot([row.p50_ms, row.p99_ms], [place, place], color=COLOUR, linewidth=4)
                text = f"p50 {row.p50_ms:.2f}, p99 {row.p99_ms:.2f} ms"
                latencies.annotate(text, (row.p99_ms, place), (5, -3), textcoords="offset points")
        latencies.set_xlabel("latency in ms, from p50 to p99")
        for axes in (rates, latencies):
            axes.margins(x=0.35)
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(axis="x", color="#dddddd", linewidth=0.6)
            axes.set_axisbelow(True)
        figure.suptitle(f"revurb bench: {report.server}, {report.at}", fontsize=10)
        figure.tight_layout()
        out = io.BytesIO()
        figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()
