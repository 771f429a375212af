"""Events that the application sends: from the HTTP API or from the program that embeds the server.

Plan: `Trigger.send` makes each channel's event once, remembers it where the channel is a cache channel, and hands
it to the publisher. The publisher brings it to `Trigger.deliver` on each process concerned, where the WebSocket
frame is built once and shared by all subscribers.
"""

from __future__ import annotations

from collections.abc import Iterable

from revurb.apps import App
from revurb.pusher.channel_name import is_cached
from revurb.pusher.messages import event_text, frame
from revurb.pusher.ports import Publisher
from revurb.pusher.registry import Registry


class Trigger:
    """Sends application events out, and takes in what the publisher brings."""

    __slots__ = ("_registry", "publisher")

    publisher: Publisher  # set by the composition root: publisher and trigger know each other

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def send(
        self, app: App, channels: Iterable[str], event: str, data: str, except_socket_id: str | None = None
    ) -> None:
        """Send `event` to each of `channels`; one that is named twice gets it once."""
        cache = self._registry.state(app).cache
        for channel in dict.fromkeys(channels):
            text = event_text(event, data, channel)
            if is_cached(channel):
                cache.put(channel, event, data, text)
            self.publisher.publish(app.id, channel, text, except_socket_id)

    def deliver(self, app_id: str, channel: str, text: bytes, except_socket_id: str | None) -> int:
        """Give an event to this process's subscribers of the channel; returns to how many it went."""
        state = self._registry.find(app_id)
        found = state and state.channels.get(channel)
        if not state or not found:
            return 0
        skip = state.sessions.get(except_socket_id) if except_socket_id else None
        return found.deliver(frame(text), skip.outlet if skip else None)
