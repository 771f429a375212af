"""What came of every publish to a cluster: how late it was at each subscriber, and whether the cluster kept its word.

Its word is: whoever is subscribed gets every event, once; all subscribers of a channel get its events in the same
order, wherever they are connected; and what was answered before something else was sent comes before that. Publishes
that were under way at the same time may overtake each other, in the same way for all: no fault, and counted by itself.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Publish(NamedTuple):
    """Seconds of the monotonic clock. `sent_s` is 0 if it was not sent, `answered_s` if it was not answered 200."""

    due_s: float
    sent_s: float
    answered_s: float


class Arrival(NamedTuple):
    subscriber: int
    publish: int
    at_s: float


PUBLISH, ARRIVAL = struct.Struct("=ddd"), struct.Struct("=IId")  # as horizontal.c writes them


@dataclass(frozen=True, slots=True)
class Layout:
    """Publish i is for channel i % `channels`, which subscribers i * `each` to (i + 1) * `each` are on."""

    channels: int
    each: int

    def listeners(self, channel: int) -> range:
        return range(channel * self.each, (channel + 1) * self.each)


@dataclass(frozen=True, slots=True)
class Faults:
    """Counts of arrivals. `doubled` is also what came to somebody whom it was not for."""

    lost: int
    doubled: int
    out_of_order: int
    overtaken: int  # came after what was sent later, and may


def read(data: bytes, publishes: int) -> tuple[list[Publish], list[Arrival]]:
    """The output of horizontal.c, of so many publishes."""
    size = publishes * PUBLISH.size
    return (
        [Publish(*each) for each in PUBLISH.iter_unpack(data[:size])],
        [Arrival(*each) for each in ARRIVAL.iter_unpack(data[size:])],
    )


def faults(publishes: Sequence[Publish], arrivals: Iterable[Arrival], layout: Layout) -> Faults:
    """`arrivals` are in the order in which each subscriber got them."""
    came = Counter((each.subscriber, each.publish) for each in arrivals)
    wanted = {
        (subscriber, number)
        for number, publish in enumerate(publishes)
        if publish.sent_s
        for subscriber in layout.listeners(number % layout.channels)
    }
    orders: dict[int, list[int]] = {}
    for subscriber, number in came:  # a Counter keeps the order of what came first
        if (subscriber, number) in wanted:
            orders.setdefault(subscriber, []).append(number)
    out_of_order = overtaken = 0
    for channel in range(layout.channels):
        heard = [orders.get(subscriber, []) for subscriber in layout.listeners(channel)]
        most = max(heard, key=lambda order: len(order))
        ranks = {number: rank for rank, number in enumerate(most)}
        for order in heard:
            wrong = _wrong(order, ranks, publishes)
            out_of_order += wrong
            overtaken += _behind(order) - wrong
    return Faults(
        lost=len(wanted - came.keys()),
        doubled=came.total() - len(wanted & came.keys()),
        out_of_order=out_of_order,
        overtaken=max(0, overtaken),
    )


def _wrong(order: list[int], ranks: dict[int, int], publishes: Sequence[Publish]) -> int:
    """How many came after something that they had to come before: because they did at another subscriber, or because
    they had been answered when it was sent."""
    count = highest = 0
    latest_s = 0.0
    for number in order:
        rank, publish = ranks.get(number, highest), publishes[number]
        count += rank < highest or 0 < publish.answered_s < latest_s
        highest, latest_s = max(highest, rank), max(latest_s, publish.sent_s)
    return count


def _behind(order: list[int]) -> int:
    """How many came after something that was due later."""
    count, highest = 0, -1
    for number in order:
        count += number < highest
        highest = max(highest, number)
    return count


def quantile(ordered: Sequence[float], share: float) -> float:
    """Of values that are sorted: the one that this share of them does not exceed. 0 of none."""
    return ordered[int(share * (len(ordered) - 1))] if ordered else 0.0
