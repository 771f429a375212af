"""What is written of a measurement."""

from __future__ import annotations

import dataclasses
import json

from revurb.bench.bench_plot import can_plot, plot_png
from revurb.bench.bench_report import HEADINGS, BenchReport, notes_of, row_texts
from revurb.bench.bench_row import BenchRow
from revurb.bench.bench_run import BenchPlan

ROW = BenchRow(
    "publish",
    "publish <to> one",
    "publishes/s",
    3000,
    3.0,
    1000.0,
    0.5,
    1.0,
    123.4,
    200.0,
    0.95,
    64 << 20,
    0.4,
    0.5,
    1.5,
)
VOID = dataclasses.replace(
    ROW, scenario="delivery", title="delivery", void="the generator was the limit", note="a note"
)
EMPTY = dataclasses.replace(VOID, count=0, per_s=0.0, p50_ms=None, p99_ms=None)
REPORT = BenchReport(
    "http://127.0.0.1:8080", "2026-01-01 12:00", BenchPlan(("publish", "delivery")), (ROW, VOID, EMPTY)
)


def test_the_cells() -> None:
    assert row_texts(ROW) == (
        "publish <to> one", "1,000 publishes/s", "0.50 ms", "1.00 ms", "123 ms", "200 ms", "95%", "64 MiB", "40%",
        "1.50 ms",
    )  # fmt: skip
    assert len(HEADINGS) == len(row_texts(ROW))
    assert row_texts(VOID)[1] == "void (1,000 publishes/s)"
    assert row_texts(EMPTY)[1:3] == ("void", "-")
    assert [(kind, text) for _, kind, text in notes_of([VOID])] == [
        ("void", "the generator was the limit"),
        ("faint", "a note"),
    ]


def test_json_has_all_figures() -> None:
    told = json.loads(REPORT.to_json())
    assert told["server"] == "http://127.0.0.1:8080"
    assert told["rows"][0]["per_s"] == 1000.0
    assert told["rows"][1]["void"] == "the generator was the limit"
    assert told["plan"]["connections"] == REPORT.plan.connections


def test_the_page_needs_nothing_else_and_takes_texts_for_texts() -> None:
    page = REPORT.to_html()
    assert "publish &lt;to&gt; one" in page
    assert "<to>" not in page
    assert page.count("<rect") == 1  # a void row has no bar
    assert "src=" not in page
    assert "href=" not in page
    assert "delivery: the generator was the limit" in page


def test_the_picture() -> None:
    assert can_plot()
    assert plot_png(REPORT).startswith(b"\x89PNG\r\n")
