"""The declarations of metrics."""

from __future__ import annotations

import re

from revurb.observe.metrics import BY_NAME, METRICS


def test_names_are_those_that_prometheus_recommends() -> None:
    """https://prometheus.io/docs/practices/naming"""
    assert len(BY_NAME) == len(METRICS)
    for metric in METRICS:
        assert re.fullmatch(r"[a-z][a-z_]*", metric.name), metric.name
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric.name
        assert not re.search(r"_(ms|us|kb|mb|count|sum|bucket)$", metric.name), metric.name
        assert metric.help.endswith(".")
        assert len(metric.help) <= 150


def test_only_histograms_have_bounds() -> None:
    for metric in METRICS:
        assert bool(metric.bounds) == (metric.kind == "histogram")
        assert list(metric.bounds) == sorted(set(metric.bounds))
        assert metric.width == (len(metric.bounds) + 2 if metric.bounds else 1)


def test_what_counts_the_most_is_a_gauge() -> None:
    assert all(metric.kind == "gauge" for metric in METRICS if metric.most)


def test_the_app_is_the_first_label() -> None:
    assert all("app" not in metric.labels[1:] for metric in METRICS)
    assert BY_NAME["process_memory_bytes"].shown_labels == ("process",)
