"""Draw the dashboard for Grafana: its panels where they are, with what each shows.

python -m tests.architecture.dashboard_picture      # writes docs/dashboard.svg; make docs does that
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape

from tests.architecture.imports import ROOT
from tests.architecture.picture import STYLE

DASHBOARD = ROOT.parent / "examples/monitoring/dashboard.json"
PICTURE = ROOT.parent / "docs/dashboard.svg"
UNIT_X, UNIT_Y, GAP, LINE = 40, 15, 4, 15  # of Grafana's grid, in pixels
NARROW = 6  # columns: there is room for the title alone
UNITS = {
    "reqps": "per second",
    "Bps": "bytes per second",
    "s": "seconds",
    "percentunit": "per cent",
    "bytes": "bytes",
}


def texts(panel: dict[str, Any]) -> Iterator[str]:
    """What it says below its title: the unit, and the curves by their names."""
    unit = panel.get("fieldConfig", {}).get("defaults", {}).get("unit", "short")
    curves = ", ".join(target["legendFormat"] for target in panel.get("targets", ()))
    curves = curves.replace("{{", "by ").replace("}}", "")
    yield from textwrap.wrap(
        f"{curves} ({UNITS[unit]})" if unit in UNITS else curves, panel["gridPos"]["w"] * 5
    )


def drawn(panel: dict[str, Any]) -> Iterator[str]:
    at = panel["gridPos"]
    x, y = at["x"] * UNIT_X + GAP, at["y"] * UNIT_Y + GAP
    if panel["type"] == "row":
        yield f'<text class="name" x="{x}" y="{y + LINE - 2}">{escape(panel["title"])}</text>'
        return
    width, height = at["w"] * UNIT_X - 2 * GAP, at["h"] * UNIT_Y - 2 * GAP
    yield f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="4"/>'
    if at["w"] < NARROW:
        yield f'<text x="{x + 8}" y="{y + LINE + 4}" style="font-size: 11px">{escape(panel["title"])}</text>'
        return
    yield f'<text class="name" x="{x + 8}" y="{y + LINE + 4}">{escape(panel["title"])}</text>'
    for number, text in enumerate(texts(panel), 2):
        yield f'<text x="{x + 8}" y="{y + number * LINE + 8}">{escape(text)}</text>'


def draw() -> str:
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    width = 24 * UNIT_X
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels) * UNIT_Y + GAP
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    lines = [line for panel in panels for line in drawn(panel)]
    return "\n".join([head, f"<style>{STYLE}</style>", *lines, "</svg>", ""])


def main() -> None:
    PICTURE.write_text(draw(), "utf-8")


if __name__ == "__main__":
    main()
