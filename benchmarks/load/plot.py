"""A recording as a picture: CPU time per operation, the floor marked."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from benchmarks.load.recording import Recording
from benchmarks.load.table import amount, caption, title

COLOURS = ("#2f6f9f", "#d08a3c", "#7a9a52", "#9a6aa0", "#8a8a8a")


def draw(recording: Recording, path: Path) -> None:
    """Write a PNG: bars of the figures in microseconds, on a logarithmic axis, one colour a server.

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
        at: list[float] = []
        widths: list[float] = []
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
            at.append(height)
            widths.append(value)
        bars = axes.barh(
            at, widths, height=thickness * 0.92, label=title(server), color=COLOURS[place % len(COLOURS)]
        )
        axes.bar_label(bars, labels=[amount(value, "us") for value in widths], padding=3, fontsize=8)
    floors = [(row, result.floor_median(figure)) for row, (result, figure) in enumerate(rows)]
    for row, floor in floors:
        if floor is not None:
            axes.plot([floor, floor], [row - 0.45, row + 0.45], color="black", linewidth=2)
    axes.plot([], [], color="black", linewidth=2, label="floor: the same bytes sent from C")
    axes.set_yticks(range(len(rows)), [figure.about for _, figure in rows], fontsize=9)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.margins(x=0.12, y=0.01)
    axes.set_xlabel("microseconds of the server's CPU time, logarithmic; less is better")
    axes.set_title(caption(recording).replace("**", ""), fontsize=8, wrap=True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(loc="best", fontsize=9, frameon=False)
    picture.tight_layout()
    picture.savefig(path, metadata={"Software": None})
