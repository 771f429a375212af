"""Draw the layers: the packages of `revurb` on their floors, with an arrow to whatever each imports.

    python -m tests.architecture.picture      # writes docs/layers.svg; make docs does that

A package stands one floor above the highest of those that it imports. An arrow is left out where a longer way leads to
the same package. What a box says is the first sentence of the package's docstring.
"""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path
from xml.sax.saxutils import escape

from tests.architecture.imports import ROOT, Graph, package_graph

PICTURE = ROOT.parent / "docs/layers.svg"
BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y, MARGIN = 216, 78, 20, 44, 16
TEXT_CHARS = 31
ORDER = (  # from left to right on a floor, so that few arrows cross
    "cli", "server", "testing", "doctor", "processes", "node", "inspection", "webhooks", "console", "api", "pusher",
    "bus", "lookup", "pusher_client", "bench", "config", "transport", "wire", "apps", "observe", "_speedups",
)  # fmt: skip
STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #1f2328 }
  .name { font-weight: 600; font-size: 14px }
  rect { fill: #f6f8fa; stroke: #57606a }
  path { stroke: #57606a; fill: none }
  marker path { fill: #57606a; stroke: none }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    rect { fill: #161b22; stroke: #8b949e }
    path { stroke: #8b949e }
    marker path { fill: #8b949e }
  }
"""


def floors(graph: Graph) -> dict[str, int]:
    """Package -> its floor, 0 for those that import nothing."""
    found: dict[str, int] = {}

    def floor(package: str) -> int:
        if package not in found:
            found[package] = 1 + max((floor(other) for other in graph[package]), default=-1)
        return found[package]

    for package in graph:
        floor(package)
    return found


def without_detours(graph: Graph) -> dict[str, list[str]]:
    """The imports that no longer way leads to."""

    def below(package: str) -> set[str]:
        return {package}.union(*(below(other) for other in graph[package]))

    return {
        package: sorted(
            other
            for other in imported
            if not any(other in below(between) for between in imported if between != other)
        )
        for package, imported in graph.items()
    }


def summary(package: str) -> str:
    """The first sentence of the package's docstring."""
    text = ast.get_docstring(ast.parse((ROOT / package / "__init__.py").read_text())) or ""
    return " ".join(text.split("\n\n")[0].split()).split(". ")[0].rstrip(".").replace("`", "")


def draw(graph: Graph) -> str:
    """The picture, as SVG."""
    by_floor: dict[int, list[str]] = {}
    for package, floor in sorted(floors(graph).items(), key=lambda each: ORDER.index(each[0])):
        by_floor.setdefault(floor, []).append(package)
    top, widest = max(by_floor), max(map(len, by_floor.values()))
    width = 2 * MARGIN + widest * BOX_WIDTH + (widest - 1) * GAP_X
    height = 2 * MARGIN + (top + 1) * BOX_HEIGHT + top * GAP_Y
    places: dict[str, tuple[int, int]] = {}
    for floor, packages in by_floor.items():
        left = (width - len(packages) * BOX_WIDTH - (len(packages) - 1) * GAP_X) // 2
        for number, package in enumerate(packages):
            places[package] = (
                left + number * (BOX_WIDTH + GAP_X),
                MARGIN + (top - floor) * (BOX_HEIGHT + GAP_Y),
            )
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<title>The packages of revurb and their imports</title><style>{STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 z"/></marker></defs>',
    ]
    for package, imported in sorted(without_detours(graph).items()):
        x, y = places[package]
        for number, other in enumerate(sorted(imported, key=lambda name: places[name][0])):
            start = x + BOX_WIDTH * (number + 1) // (len(imported) + 1)
            to_x, to_y = places[other][0] + BOX_WIDTH // 2, places[other][1]
            from_y = y + BOX_HEIGHT
            bend = (to_y - from_y) // 2
            lines.append(
                f'<path marker-end="url(#tip)" d="M{start} {from_y} '
                f'C{start} {from_y + bend} {to_x} {to_y - bend} {to_x} {to_y}"/>'
            )
    for package, (x, y) in sorted(places.items()):
        lines.append(f'<rect x="{x}" y="{y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6"/>')
        lines.append(f'<text class="name" x="{x + 10}" y="{y + 20}">{escape(package)}</text>')
        for number, line in enumerate(
            textwrap.wrap(summary(package), TEXT_CHARS, max_lines=3, placeholder=" ...")
        ):
            lines.append(f'<text x="{x + 10}" y="{y + 38 + 15 * number}">{escape(line)}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def main(to: Path = PICTURE) -> None:
    to.write_text(draw(package_graph()))
    print(f"revurb: drew {to}")


if __name__ == "__main__":
    main()
