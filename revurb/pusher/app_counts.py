"""What is counted of each app. Apps beyond the first so many share one set of counters: there may be any number, and a
metric may have only so many values of a label.

What happens once for each event or message is one call of a `Tally`, which takes 50 ns, and counts and adds up at once.
"""

from __future__ import annotations

from revurb._speedups.tally import Tally
from revurb.observe.figures import OTHER_APPS, Figures
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


_NUMBERS = (
    "client_events_total",
    "connections",
    "connections_opened_total",
    "events_published_total",
    "subscriptions",
    "subscriptions_total",
    "users",
)
_KINDS = ("public", "private", "presence", "user")


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
            counts = self.known[app_id] = AppCounts()
        return counts

    def write(self, figures: Figures) -> None:
        """Put all of them into `figures`."""
        for app_id, counts in self.known.items():
            _write(figures, app_id, counts)
        if len(self.known) >= self._most:
            _write(figures, OTHER_APPS, self._others)


def _write(figures: Figures, app: str, counts: AppCounts) -> None:
    for name in _NUMBERS:
        figures.put(name, getattr(counts, name), app)
    figures.put("connections_closed_total", counts.connections_opened_total - counts.connections, app)
    figures.put("messages_received_total", sum(counts.messages.counts), app)
    figures.put("received_bytes_total", int(counts.messages.sum), app)
    figures.put("events_delivered_total", int(counts.fanouts.sum), app)
    figures.put("delivered_bytes_total", int(counts.fanouts.amount), app)
    requests = counts.app_http_requests_total + sum(sum(times.counts) for times in counts.request_times)
    figures.put("app_http_requests_total", requests, app)
    figures.add_histogram("fanout_subscribers", counts.fanouts)
    figures.add_histogram("message_bytes", counts.messages)
    for kind in _KINDS:
        figures.put("channels", getattr(counts, f"{kind}_channels"), app, kind)
