"""Counters of apps."""

from __future__ import annotations

import pytest

from revurb.observe.figures import OTHER_APPS, Figures
from revurb.observe.metrics import BY_NAME
from revurb.pusher.app_counts import AppBook


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


@pytest.mark.parametrize("most", [0, 1, 2, 10])
@pytest.mark.parametrize("other", ["b", OTHER_APPS])
def test_the_totals_are_those_of_all_apps(most: int, other: str) -> None:
    """Also of those that have no metrics of their own, or whose id is the word for them."""
    book = AppBook(most)
    for app in ("a", other, "c"):
        counts = book.of(app)
        counts.public_channels += 1
        counts.private_channels += 2
        counts.presence_channels += 3
        counts.user_channels += 4
        counts.subscriptions += 5
        counts.messages.add(100)
        counts.fanouts.add(7, 700)
        counts.events_published_total += 6
    assert book.totals() == (30, 15, 3, 21, 18)


def test_all_are_metrics_of_an_app() -> None:
    figures = Figures()
    book = AppBook()
    book.of("a")
    book.write(figures)
    for name, samples in figures.values.items():
        metric = BY_NAME[name]
        assert metric.labels[:1] == (("app",) if metric.kind != "histogram" else ())
        assert all(len(labels) == len(metric.labels) for labels in samples)


def test_what_is_written_and_received_is_counted_and_added_up() -> None:
    book = AppBook()
    for app in ("a", "b"):
        counts = book.of(app)
        counts.fanouts.add(3, 300)
        counts.fanouts.add(0, 0)
        counts.messages.add(100)
        counts.messages.add(2_000_000)
    figures = Figures()
    book.write(figures)
    assert figures.values["events_delivered_total"] == {("a",): [3], ("b",): [3]}
    assert figures.values["delivered_bytes_total"][("b",)] == [300]
    assert figures.values["messages_received_total"][("a",)] == [2]
    assert figures.values["received_bytes_total"][("a",)] == [2_000_100]
    both = figures.values["fanout_subscribers"][()]
    assert (both[0], both[2], both[-1]) == (2, 2, 6)
    assert figures.values["message_bytes"][()][-2:] == [2, 4_000_200]


def test_an_app_that_is_called_as_the_others_is_counted_with_them() -> None:
    book = AppBook(2)
    for app in ("a", OTHER_APPS, "b", "c"):
        book.of(app).connections_opened_total += 1
        book.of(app).messages.add(100)
    figures = Figures()
    book.write(figures)
    assert figures.values["connections_opened_total"] == {("a",): [1], (OTHER_APPS,): [3]}
    assert figures.values["message_bytes"][()][-1] == 400
