"""The picture of a recording: nothing in it covers anything else."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg

from benchmarks.load.plot import LABEL_DECADES, label_from, picture_of
from benchmarks.load.recording import Recording
from benchmarks.load.rounds import Result
from benchmarks.load.scenarios import Figure, Proof
from tests.benchmarks.test_load import AROUND, scenario

SERVERS = ["revurb", "uwebsockets", "sockudo", "centrifugo"]
FLOORS = (0.05, 1.0, 1.05, 1.5, 2.0, 9.0, None)


def test_a_label_starts_behind_the_mark_that_is_in_its_way() -> None:
    assert label_from(1.0, None) == label_from(1.0, 0.9) == 1.0
    assert label_from(1.0, 1.2) == 1.2
    assert label_from(1.0, 1.01 * 10**LABEL_DECADES) == 1.0


def test_labels_marks_and_bars_are_apart() -> None:
    """With bars of all lengths, and the floor at all places of them."""
    results = []
    for number, floor in enumerate(FLOORS):
        figure = Figure(
            "cost",
            "us",
            f"delivery {number} to 1,000 subscribers, while 50 more do not read",
            floor=None if floor is None else "base",
            headline=True,
        )
        values = (1.0, 1.1, 2.5, 20.0)
        runs = {server: [{"cost": value}] for server, value in zip(SERVERS, values, strict=True)}
        made = replace(scenario(Proof.NONE), figures=(figure,))
        results.append(Result(made, runs=runs, floor=[] if floor is None else [{"base": floor}]))
    picture = picture_of(Recording(SERVERS, AROUND, results))
    canvas: Any = FigureCanvasAgg(picture)
    canvas.draw()  # which lays it out
    [axes], renderer = picture.axes, canvas.get_renderer()
    labels = [each.get_window_extent(renderer) for each in axes.texts]
    assert len(labels) == len(SERVERS) * len(FLOORS)
    marks = [each.get_window_extent(renderer) for each in axes.lines if len(each.get_xdata()) == 2]
    assert len(marks) == len(FLOORS) - 1
    bars = [each.get_window_extent(renderer) for each in axes.patches if each.get_width() > 0]
    assert len({each.get_color() for each in axes.get_legend().get_lines()}) == 1 + len(SERVERS)
    legend = axes.get_legend().get_window_extent(renderer)
    assert picture.bbox.x0 <= legend.x0 < legend.x1 <= picture.bbox.x1
    for one, other in itertools.combinations(labels, 2):
        assert not one.overlaps(other)
    for label in labels:
        assert not any(label.overlaps(other) for other in [*marks, *bars, legend])
        assert label.x1 <= picture.bbox.x1
