"""Figures of several processes, put together."""

from __future__ import annotations

from revurb._speedups.tally import Tally
from revurb.observe.figures import OTHER_APPS, AppLabels, Figures
from revurb.observe.metrics import SECONDS


def figures_of(connections: int, memory: int, php_nodes: int, lag_s: float = 0.0) -> Figures:
    figures = Figures()
    figures.put("connections", connections, "app")
    figures.put("events_delivered_total", 10 * connections, "app")
    figures.put("process_memory_bytes", memory)
    figures.put("process_cpu_seconds_total", 1.5)
    figures.put("php_nodes", php_nodes)
    tally = Tally(SECONDS)
    tally.add(lag_s)
    figures.add_histogram("loop_lag_seconds", tally)
    return figures


def test_sums_the_most_and_each_process() -> None:
    both = Figures()
    both.add(figures_of(2, 100, 3).rows(), "worker 0")
    both.add(figures_of(5, 300, 1, 7.0).rows(), "worker 1")
    assert both.values["connections"] == {("app",): [7]}
    assert both.values["process_memory_bytes"] == {("worker 0",): [100], ("worker 1",): [300]}
    assert both.values["php_nodes"] == {(): [3]}
    assert both.values["loop_lag_seconds"] == {(): [1, *[0] * (len(SECONDS) - 1), 1, 7.0]}


def test_of_a_process_that_is_gone_only_totals_are_left() -> None:
    gone = Figures()
    gone.add(figures_of(2, 100, 3).rows(), "worker 0", totals_only=True)
    gone.add(figures_of(1, 100, 3).rows(), "worker 0", totals_only=True)
    assert gone.values.keys() == {"events_delivered_total", "process_cpu_seconds_total", "loop_lag_seconds"}
    assert gone.values["process_cpu_seconds_total"] == {("worker 0",): [3.0]}
    now = Figures()
    now.add(gone.rows(), "", has_process=True)
    now.add(figures_of(4, 50, 0).rows(), "worker 0")
    assert now.values["events_delivered_total"] == {("app",): [70]}
    assert now.values["process_cpu_seconds_total"] == {("worker 0",): [4.5]}


def test_what_another_release_tells_is_left_out() -> None:
    figures = Figures()
    rows = [
        ("no_such_metric", (), [1]),
        ("connections", (), [1]),  # with other labels
        ("connections", ("a", "b"), [1]),
        ("slow_consumers_total", (), [1, 2]),  # a histogram here, and not there
        ("loop_lag_seconds", (), [1, 2, 3]),  # with other buckets
        ("unresponsive_total", (), [4]),
    ]
    figures.add(rows, "worker 0")
    assert figures.values == {"unresponsive_total": {(): [4]}}


def test_so_many_apps_have_a_label_of_their_own_and_keep_it() -> None:
    label = AppLabels(2)
    assert [label(app) for app in ("a", "b", "c", "a", "b", "d")] == [
        "a",
        "b",
        OTHER_APPS,
        "a",
        "b",
        OTHER_APPS,
    ]
    figures = Figures()
    rows = [("channels", (app, "public"), [1]) for app in "abcde"]
    figures.add(rows, "worker 0", label)
    assert figures.values["channels"] == {
        ("a", "public"): [1],
        ("b", "public"): [1],
        (OTHER_APPS, "public"): [3],
    }
