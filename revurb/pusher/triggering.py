"""Events that the application triggers, over the HTTP API or from the program that embeds the server.

`Trigger.send` builds each channel's event once and publishes it on the bus, which calls `Dispatch.deliver` in each
process that has subscribers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable

from revurb.apps import App
from revurb.pusher.app_counts import AppBook
from revurb.pusher.channel_name import is_cached
from revurb.pusher.history import history_of
from revurb.pusher.messages import event_text
from revurb.pusher.ports import Bus, MaybeAwaitable, PublishedEvent


class Trigger:
    """Sends application events out. Those on cache channels are remembered for `cache_ttl_s` seconds (Pusher: 1800),
    whether anyone is subscribed or not; client events and member events never are. (Reverb keeps the last event of any
    kind in the channel object, which dies with its last subscriber.)

    It has a dict, so that `send` and `send_text` can be exchanged while somebody looks at events (see
    `inspection/event_tap.py`)."""

    def __init__(self, bus: Bus, cache_ttl_s: int, book: AppBook | None = None) -> None:
        self._bus = bus
        self._book = AppBook() if book is None else book
        self._known = self._book.known
        self._cache_ttl_s = cache_ttl_s

    def send(
        self, app: App, channels: Iterable[str], event: str, data: str, except_socket_id: str | None = None
    ) -> MaybeAwaitable[str | None]:
        """Send `event` to each of `channels`, once to one that is named twice. Done when the bus has accepted all: with
        None, or with `history.UNAVAILABLE` if a channel has history and the event cannot be kept there at present."""
        waiting: list[Awaitable[str | None]] | None = None
        failure: str | None = None
        names = dict.fromkeys(channels)
        (self._known.get(app.id) or self._book.of(app.id)).events_published_total += len(names)
        for channel in names:
            accepted = self._publish(app, channel, event_text(event, data, channel), except_socket_id)
            if isinstance(accepted, str):
                failure = accepted
            elif accepted is not None:
                if waiting is None:
                    waiting = []
                waiting.append(accepted)
        if waiting is None:
            return failure
        return waiting[0] if len(waiting) == 1 and failure is None else all_of(waiting, failure)

    def send_text(
        self, app: App, channel: str, text: bytes, except_socket_id: str | None
    ) -> MaybeAwaitable[str | None]:
        """As `send`, to one channel, of an event that is finished JSON already."""
        (self._known.get(app.id) or self._book.of(app.id)).events_published_total += 1
        return self._publish(app, channel, text, except_socket_id)

    def _publish(
        self, app: App, channel: str, text: bytes, except_socket_id: str | None
    ) -> MaybeAwaitable[str | None]:
        ttl_s = self._cache_ttl_s if "cache-" in channel and is_cached(channel) else 0
        if app.history:
            kept = history_of(app, channel)
            if kept is not None:
                return self._bus.publish_kept(
                    PublishedEvent(app.id, channel, text, except_socket_id, ttl_s, kept)
                )
        return self._bus.publish(PublishedEvent(app.id, channel, text, except_socket_id, ttl_s))


async def all_of(waiting: Iterable[Awaitable[str | None]], failure: str | None = None) -> str | None:
    """Wait for each; they are under way already. Returns why one of them failed, if one did."""
    for accepted in waiting:
        failure = await accepted or failure
    return failure
