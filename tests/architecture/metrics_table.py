"""Write the table of metrics in docs/monitoring.md from their declarations.

python -m tests.architecture.metrics_table      # make docs does that
"""

from __future__ import annotations

from collections.abc import Iterator

from revurb.observe.metrics import SECTIONS, Metric
from tests.architecture.imports import ROOT

DOCUMENT = ROOT.parent / "docs/monitoring.md"
BEGIN = "<!-- The table is written by `make docs` from revurb/observe/metrics.py. -->\n"
END = "<!-- End of the table. -->\n"


def table() -> str:
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "| metric | kind | labels | what it is | in soketi |"
    yield "|---|---|---|---|---|"
    for title, metrics in SECTIONS.items():
        yield f"| **{title}** | | | | |"
        yield from map(_row, metrics)


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.shown_labels)
    soketi = f"`soketi_{metric.soketi}`" if metric.soketi else ""
    return f"| `revurb_{metric.name}` | {metric.kind} | {labels} | {metric.help} | {soketi} |"


def written(text: str) -> str:
    """`text` with the table as it is now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    DOCUMENT.write_text(written(DOCUMENT.read_text("utf-8")), "utf-8")
