"""What is counted of each app. Apps beyond the first so many share one set of counters: there may be any number, and a
metric may have only so many values of a label.

What happens once for each event or message is one call of a `Tally`, which takes 50 ns, and counts and adds up at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from revurb._speedups.tally import Tally
from revurb.observe.figures import OTHER_APPS, Figures, Number
from revurb.observe.metrics import MESSAGE_BYTES, SUBSCRIBERS

MAX_APPS = 100


class AppCounts:
    """The counters of one app, or of all others together. Those named total never go down. `fanouts` counts events by
    how many subscribers they were written to, with the bytes of that; `messages` those of clients by their bytes.
    `request_times` are of the requests that are counted by their times, and not in `app_http_requests_total`."""

    __slots__ = (
        "app_http_requests_total",
        "client_events_total",
        "connections",
        "connections_opened_total",
        "events_published_total",
        "fanouts",
        "messages",
        "presence_channels",
        "private_channels",
        "public_channels",
        "request_times",
        "subscriptions",
        "subscriptions_total",
        "user_channels",
        "users",
    )

    def __init__(self) -> None:
        self.connections = 0
        self.connections_opened_total = 0
        self.messages = Tally(MESSAGE_BYTES)
        self.client_events_total = 0
        self.events_published_total = 0  # by the application, each channel for itself
        self.fanouts = Tally(SUBSCRIBERS)
        self.app_http_requests_total = 0
        self.request_times: list[Tally] = []
        self.subscriptions = 0
        self.subscriptions_total = 0
        self.public_channels = 0
        self.private_channels = 0
        self.presence_channels = 0
        self.user_channels = 0
        self.users = 0


_NUMBERS: Mapping[str, Callable[[AppCounts], Number]] = {
    "connections": lambda counts: counts.connections,
    "connections_opened_total": lambda counts: counts.connections_opened_total,
    "connections_closed_total": lambda counts: counts.connections_opened_total - counts.connections,
    "subscriptions": lambda counts: counts.subscriptions,
    "subscriptions_total": lambda counts: counts.subscriptions_total,
    "users": lambda counts: counts.users,
    "messages_received_total": lambda counts: counts.messages.count,
    "received_bytes_total": lambda counts: int(counts.messages.sum),
    "client_events_total": lambda counts: counts.client_events_total,
    "events_published_total": lambda counts: counts.events_published_total,
    "events_delivered_total": lambda counts: int(counts.fanouts.sum),
    "delivered_bytes_total": lambda counts: int(counts.fanouts.amount),
    "app_http_requests_total": lambda counts: (
        counts.app_http_requests_total + sum(times.count for times in counts.request_times)
    ),
}


class AppTotals(NamedTuple):
    """What all apps have together. `channels` have subscribers here."""

    channels: int
    subscriptions: int
    messages_in: int
    deliveries: int
    publishes: int


class AppBook:
    """The counters of all apps of a process: the first `most` have their own."""

    def __init__(self, most: int = MAX_APPS) -> None:
        self._most = most
        self.known: dict[str, AppCounts] = {}
        """Those that have their own, by id: to be looked into where a call of `of` takes too long."""
        self._others = AppCounts()

    def of(self, app_id: str) -> AppCounts:
        """The counters of an app that exists: an id that somebody made up would take the place of one."""
        counts = self.known.get(app_id)
        if counts is None:
            if len(self.known) >= self._most:
                return self._others
            # One whose id is that word is counted with them: two samples of one name would hide each other.
            counts = self.known[app_id] = self._others if app_id == OTHER_APPS else AppCounts()
        return counts

    def totals(self) -> AppTotals:
        """Takes 1 us for each app."""
        known = self.known.values()
        apps = [*known] if OTHER_APPS in self.known else [*known, self._others]
        return AppTotals(
            sum(
                counts.public_channels
                + counts.private_channels
                + counts.presence_channels
                + counts.user_channels
                for counts in apps
            ),
            sum(counts.subscriptions for counts in apps),
            sum(counts.messages.count for counts in apps),
            int(sum(counts.fanouts.sum for counts in apps)),
            sum(counts.events_published_total for counts in apps),
        )

    def write(self, figures: Figures) -> None:
        """Put all of them into `figures`. Takes 8 us for each app."""
        labelled = list(self.known.items())
        if len(self.known) >= self._most and OTHER_APPS not in self.known:
            labelled.append((OTHER_APPS, self._others))
        for name, read in _NUMBERS.items():
            figures.put_all(name, {(app,): read(counts) for app, counts in labelled})
        channels: dict[tuple[str, ...], Number] = {}
        fanouts, messages = Tally(SUBSCRIBERS), Tally(MESSAGE_BYTES)
        for app, counts in labelled:
            channels[app, "public"] = counts.public_channels
            channels[app, "private"] = counts.private_channels
            channels[app, "presence"] = counts.presence_channels
            channels[app, "user"] = counts.user_channels
            fanouts.merge(counts.fanouts)
            messages.merge(counts.messages)
        figures.put_all("channels", channels)
        figures.add_histogram("fanout_subscribers", fanouts)
        figures.add_histogram("message_bytes", messages)
