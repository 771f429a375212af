"""A recording as a picture: CPU time per operation, the floor marked."""

from __future__ import annotations

import importlib
import textwrap
from pathlib import Path
from typing import Any

from benchmarks.load.recording import Recording
from benchmarks.load.table import amount, caption, title

LABEL_DECADES = 0.45  # of the axis that a label takes
COLOURS = ("#2f6f9f", "#d08a3c", "#7a9a52", "#9a6aa0", "#8a8a8a")


def draw(recording: Recording, path: Path) -> None:
    """Write `picture_of` the recording as a PNG."""
    picture_of(recording).savefig(path, metadata={"Software": None})


def picture_of(recording: Recording) -> Any:
    """A matplotlib Figure: bars of the figures in microseconds, on a logarithmic axis, one colour a server.

    Raises ModuleNotFoundError without matplotlib, which is in the `bench` extra.
    """
    # Not a plain import: matplotlib is an extra, and type checking has to do without.
    picture_type: Any = importlib.import_module("matplotlib.figure").Figure
    rows = [
        (result, figure)
        for result in recording.results
        for figure in result.scenario.figures
        if figure.unit == "us"
        and figure.error is None  # a difference of two figures may be below nought: not for logarithms
        and (figure.headline or figure.floor or len(result.scenario.figures) == 1)
    ]
    servers = recording.servers
    thickness = 0.8 / len(servers)
    picture = picture_type(figsize=(10, 0.9 + 0.26 * len(rows) * max(2, len(servers))), dpi=110)
    axes = picture.subplots()
    for place, server in enumerate(servers):
        colour = COLOURS[place % len(COLOURS)]
        axes.plot([], [], label=title(server), color=colour, linewidth=7)  # for the legend
        for row, (result, figure) in enumerate(rows):
            value = result.median(server, figure)
            height = row + (place - (len(servers) - 1) / 2) * thickness
            if value is None or value <= 0:
                continue
            if not result.evidence(server)[1]:
                # At the left edge: half in the axes' own units.
                axes.text(
                    0.005, height, "void", transform=axes.get_yaxis_transform(), fontsize=8, va="center"
                )
                continue
            axes.barh(height, value, height=thickness * 0.92, color=colour)
            axes.annotate(
                amount(value, "us"),
                (label_from(value, result.floor_median(figure)), height),
                xytext=(4, 0),
                textcoords="offset points",
                fontsize=8,
                va="center",
            )
    for row, (result, figure) in enumerate(rows):
        floor = result.floor_median(figure)
        if floor is not None:
            axes.plot([floor, floor], [row - 0.45, row + 0.45], color="black", linewidth=2)
    axes.plot([], [], color="black", linewidth=2, label="floor: the same bytes sent from C")
    axes.set_yticks(range(len(rows)), [figure.about for _, figure in rows], fontsize=9)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.margins(x=0.12, y=0.01)
    said = textwrap.fill(caption(recording).replace("**", ""), 110)
    axes.set_xlabel(
        f"microseconds of the server's CPU time, logarithmic; less is better\n\n{said}", fontsize=8
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    # Above the axes: inside, it would cover labels. From the right: at the left there is room for more servers.
    axes.legend(
        loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(servers) + 1, fontsize=8, frameon=False
    )
    picture.tight_layout()
    return picture


def label_from(value: float, floor: float | None) -> float:
    """Where the label of a bar starts: behind the bar, or behind the mark of the floor, should that be in its way."""
    return floor if floor is not None and value < floor < value * 10**LABEL_DECADES else value
