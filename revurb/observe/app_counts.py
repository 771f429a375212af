"""What is counted of each app. Apps beyond the first so many share one set of counters: there may be any number, and a
metric may have only so many values of a label."""

from __future__ import annotations

from revurb.observe.figures import OTHER_APPS, Figures

MAX_APPS = 100


class AppCounts:
    """The counters of one app, or of all others together. Those with `_total` never go down."""

    __slots__ = (
        "app_http_requests_total",
        "client_events_total",
        "connections",
        "connections_opened_total",
        "delivered_bytes_total",
        "events_delivered_total",
        "events_published_total",
        "messages_received_total",
        "presence_channels",
        "private_channels",
        "public_channels",
        "received_bytes_total",
        "subscriptions",
        "subscriptions_total",
        "user_channels",
        "users",
    )

    def __init__(self) -> None:
        self.connections = 0
        self.connections_opened_total = 0
        self.messages_received_total = 0
        self.received_bytes_total = 0
        self.client_events_total = 0
        self.events_published_total = 0  # by the application, each channel for itself
        self.events_delivered_total = 0  # each subscriber for itself
        self.delivered_bytes_total = 0
        self.app_http_requests_total = 0
        self.subscriptions = 0
        self.subscriptions_total = 0
        self.public_channels = 0
        self.private_channels = 0
        self.presence_channels = 0
        self.user_channels = 0
        self.users = 0


_TOTALS = tuple(name for name in AppCounts.__slots__ if name.endswith("_total"))
_KINDS = ("public", "private", "presence", "user")


class AppBook:
    """The counters of all apps of a process: the first `most` have their own."""

    def __init__(self, most: int = MAX_APPS) -> None:
        self._most = most
        self._counts: dict[str, AppCounts] = {}
        self._others = AppCounts()

    def of(self, app_id: str) -> AppCounts:
        """The counters of an app that exists: an id that somebody made up would take the place of one."""
        counts = self._counts.get(app_id)
        if counts is None:
            if len(self._counts) >= self._most:
                return self._others
            counts = self._counts[app_id] = AppCounts()
        return counts

    def write(self, figures: Figures) -> None:
        """Put all of them into `figures`."""
        for app_id, counts in self._counts.items():
            _write(figures, app_id, counts)
        if len(self._counts) >= self._most:
            _write(figures, OTHER_APPS, self._others)


def _write(figures: Figures, app: str, counts: AppCounts) -> None:
    for name in _TOTALS:
        figures.put(name, getattr(counts, name), app)
    figures.put("connections_closed_total", counts.connections_opened_total - counts.connections, app)
    for name in ("connections", "subscriptions", "users"):
        figures.put(name, getattr(counts, name), app)
    for kind in _KINDS:
        figures.put("channels", getattr(counts, f"{kind}_channels"), app, kind)
