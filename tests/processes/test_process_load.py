"""The load of a process, out of what it measures."""

from __future__ import annotations

from revurb.observe.figures import Figures
from revurb.observe.metrics import BY_NAME
from revurb.processes.process_load import SUMS, ProcessLoad, load_of


def test_apps_and_places_are_added_up() -> None:
    figures = Figures()
    figures.put_all("connections", {("a",): 2, ("b",): 3})
    figures.put_all("channels", {("a", "public"): 1, ("a", "private"): 4})
    figures.put_all("queued_bytes", {("outbox",): 10, ("transport",): 5})
    figures.put("process_cpu_seconds_total", 1.5)
    figures.values["loop_lag_seconds"] = {(): [3, 0, 1, 0.25]}
    assert load_of("worker 0", 7, 0.1, figures.rows()) == ProcessLoad(
        "worker 0", 7, 0.1, connections=5, channels=5, queued_bytes=15, cpu_s=1.5, lag_count=4, lag_sum_s=0.25
    )


def test_what_it_adds_up_is_measured() -> None:
    assert set(SUMS.values()) <= set(BY_NAME)
    assert "loop_lag_seconds" in BY_NAME
    assert set(SUMS) <= set(ProcessLoad.__struct_fields__)
