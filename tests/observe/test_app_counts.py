"""Counters of apps."""

from __future__ import annotations

from revurb.observe.app_counts import AppBook
from revurb.observe.figures import OTHER_APPS, Figures
from revurb.observe.metrics import BY_NAME


def test_apps_beyond_the_first_share_theirs() -> None:
    book = AppBook(2)
    for app in ("a", "b", "c", "d", "a"):
        book.of(app).connections += 1
    figures = Figures()
    book.write(figures)
    assert figures.values["connections"] == {("a",): [2], ("b",): [1], (OTHER_APPS,): [2]}


def test_with_none_all_are_together() -> None:
    book = AppBook(0)
    book.of("a").subscriptions += 1
    figures = Figures()
    book.write(figures)
    assert figures.values["subscriptions"] == {(OTHER_APPS,): [1]}


def test_what_is_closed_was_opened_and_is_not_open() -> None:
    book = AppBook()
    counts = book.of("a")
    counts.connections_opened_total, counts.connections = 7, 3
    counts.user_channels = 2
    figures = Figures()
    book.write(figures)
    assert figures.values["connections_closed_total"] == {("a",): [4]}
    assert figures.values["channels"][("a", "user")] == [2]


def test_all_are_metrics_of_an_app() -> None:
    figures = Figures()
    book = AppBook()
    book.of("a")
    book.write(figures)
    for name, samples in figures.values.items():
        metric = BY_NAME[name]
        assert metric.labels[0] == "app"
        assert all(len(labels) == len(metric.labels) for labels in samples)
