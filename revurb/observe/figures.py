"""The values of metrics at one moment, and how those of several processes are put together.

A sample is a list of numbers: one, or of a histogram a count for each bucket and the sum. Counts of buckets are their
own, without those of smaller ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol, TypeAlias

from revurb.observe.metrics import APP, BY_NAME, Metric

Number: TypeAlias = int | float
Labels: TypeAlias = tuple[str, ...]
Row: TypeAlias = tuple[str, Sequence[str], Sequence[Number]]
OTHER_APPS = "other"


class Distribution(Protocol):
    """What counts values in buckets."""

    @property
    def counts(self) -> Sequence[int]: ...
    @property
    def sum(self) -> float: ...


class Figures:
    """The samples of each metric by its labels. `values` are to be read; names are those of `METRICS`."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: dict[str, dict[Labels, list[Number]]] = {}

    def put(self, name: str, value: Number, *labels: str) -> None:
        """Set a counter or a gauge."""
        self.values.setdefault(name, {})[labels] = [value]

    def put_all(self, name: str, numbers: Mapping[Labels, Number]) -> None:
        """Set all samples of a counter or a gauge."""
        self.values[name] = {labels: [number] for labels, number in numbers.items()}

    def add_histogram(self, name: str, distribution: Distribution, *labels: str) -> None:
        """Add what a distribution has counted to what is there."""
        self._add(BY_NAME[name], labels, [*distribution.counts, distribution.sum])

    def rows(self) -> Iterator[Row]:
        """Each sample with its name and labels."""
        for name, samples in self.values.items():
            for labels, numbers in samples.items():
                yield name, labels, numbers

    def add(
        self,
        rows: Iterable[Row],
        process: str,
        app_label: Callable[[str], str] = lambda app: app,
        *,
        totals_only: bool = False,
        has_process: bool = False,
    ) -> None:
        """Add the samples of a process. Those of metrics that are not known here are left out: a process may be of
        another release. `app_label` gives what an app is shown as. With `totals_only`, gauges are left out. With
        `has_process`, the rows have been put together already."""
        for name, labels, numbers in rows:
            metric = BY_NAME.get(name)
            shown = () if metric is None else metric.shown_labels if has_process else metric.labels
            if metric is None or len(numbers) != metric.width or len(labels) != len(shown):
                continue
            if totals_only and metric.kind == "gauge":
                continue
            whole = tuple(labels) if has_process else _shown(metric, labels, process, app_label)
            self._add(metric, whole, numbers)

    def _add(self, metric: Metric, labels: Labels, numbers: Sequence[Number]) -> None:
        samples = self.values.setdefault(metric.name, {})
        before = samples.get(labels)
        if before is None:
            samples[labels] = list(numbers)
        elif metric.most:
            samples[labels] = [max(before[0], numbers[0])]
        else:
            samples[labels] = [one + other for one, other in zip(before, numbers, strict=True)]


def _shown(metric: Metric, labels: Sequence[str], process: str, app_label: Callable[[str], str]) -> Labels:
    if metric.labels[:1] == (APP,):
        labels = (app_label(labels[0]), *labels[1:])
    return (*labels, process) if metric.by_process else tuple(labels)


class AppLabels:
    """What apps are shown as: the first `most` that are met by their ids, all others together. An app keeps what it was
    shown as first, so that no total goes backwards."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def __call__(self, app_id: str) -> str:
        if app_id in self._known:
            return app_id
        if len(self._known) >= self._most:
            return OTHER_APPS
        self._known.add(app_id)
        return app_id
