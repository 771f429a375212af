"""Figures as a text for Prometheus, by prometheus-client, which knows the formats.

It is made metric by metric, with turns for others in between: that of a server with a hundred apps takes 10 ms.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    UnknownMetricFamily,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector, CollectorRegistry

from revurb.observe.figures import Figures, Labels, Number
from revurb.observe.metrics import APP, METRICS, Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Naming: TypeAlias = Literal["revurb", "soketi"]


@dataclass(frozen=True, slots=True)
class MetricNames:
    """What metrics are called: as here, or as in soketi where that has them, with the `prefix` of either. `port` is
    that of the server, which soketi has as a label."""

    naming: Naming = "revurb"
    prefix: str | None = None
    port: int = 0

    def is_soketi(self, metric: Metric) -> bool:
        return self.naming == "soketi" and bool(metric.soketi)

    def name(self, metric: Metric) -> str:
        if self.is_soketi(metric):
            return f"{'soketi_' if self.prefix is None else self.prefix}{metric.soketi}"
        return f"{'revurb_' if self.prefix is None or self.naming == 'soketi' else self.prefix}{metric.name}"


class _OneFamily(Collector):
    def __init__(self, family: Family) -> None:
        self._family = family

    def collect(self) -> Iterator[Family]:
        yield self._family


async def exposition(figures: Figures, names: MetricNames) -> bytes:
    """The text of all metrics that have samples."""
    parts = []
    for metric in METRICS:
        samples = figures.values.get(metric.name)
        if samples:
            registry = CollectorRegistry()
            registry.register(_OneFamily(family_of(metric, samples, names)))
            parts.append(generate_latest(registry))
            await asyncio.sleep(0)
    return b"".join(parts)


def family_of(metric: Metric, samples: Mapping[Labels, list[Number]], names: MetricNames) -> Family:
    """A metric and its samples as prometheus-client has them."""
    name = names.name(metric)
    if names.is_soketi(metric):
        return _soketi_family(name, metric, samples, names)
    if metric.kind == "histogram":
        return _histogram(name, metric, samples)
    labels = metric.shown_labels
    family: CounterMetricFamily | GaugeMetricFamily
    if metric.kind == "counter":
        family = CounterMetricFamily(name, metric.help, labels=labels)
    else:
        family = GaugeMetricFamily(name, metric.help, labels=labels)
    for values, numbers in samples.items():
        family.add_metric(values, numbers[0])
    return family


def _histogram(name: str, metric: Metric, samples: Mapping[Labels, list[Number]]) -> Family:
    family = HistogramMetricFamily(name, metric.help, labels=metric.shown_labels)
    bounds = (*map(str, metric.bounds), "+Inf")
    for values, (*counts, total) in samples.items():
        buckets, so_far = [], 0
        for bound, count in zip(bounds, counts, strict=True):
            so_far += int(count)
            buckets.append((bound, so_far))
        family.add_metric(values, buckets=buckets, sum_value=total)
    return family


def _soketi_family(
    name: str, metric: Metric, samples: Mapping[Labels, list[Number]], names: MetricNames
) -> Family:
    """As soketi has it: with its labels, and counters whose names do not all end in `_total`; those have no type."""
    labels = tuple("app_id" if label == APP else label for label in metric.shown_labels)
    family: CounterMetricFamily | GaugeMetricFamily | UnknownMetricFamily
    if metric.kind == "gauge":
        family = GaugeMetricFamily(name, metric.help, labels=(*labels, "port"))
    elif name.endswith("_total"):
        family = CounterMetricFamily(name, metric.help, labels=(*labels, "port"))
    else:
        family = UnknownMetricFamily(name, metric.help, labels=(*labels, "port"))
    for values, numbers in samples.items():
        family.add_metric((*values, str(names.port)), numbers[0])
    return family
