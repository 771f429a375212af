"""The record of what a node has sent, for tests of a program that embeds one. Nodes without it do not pay for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from revurb.apps import App
from revurb.pusher.app_counts import AppBook
from revurb.pusher.messages import event_and_data
from revurb.pusher.ports import Bus, MaybeAwaitable
from revurb.pusher.triggering import Trigger

MAX_RECORDED_EVENTS = 10_000  # then the oldest are forgotten


class SentEvent(NamedTuple):
    """An event that the application has triggered, here or over the HTTP API. `data` is its text, usually JSON."""

    app_id: str
    channels: tuple[str, ...]
    event: str
    data: str
    except_socket_id: str | None


class RecordingTrigger(Trigger):
    """A Trigger that enters each event into `record`."""

    def __init__(
        self, bus: Bus, cache_ttl_s: int, record: deque[SentEvent], book: AppBook | None = None
    ) -> None:
        super().__init__(bus, cache_ttl_s, book)
        self._record = record

    def send(
        self, app: App, channels: Iterable[str], event: str, data: str, except_socket_id: str | None = None
    ) -> MaybeAwaitable[str | None]:
        names = tuple(dict.fromkeys(channels))
        self._record.append(SentEvent(app.id, names, event, data, except_socket_id))
        return super().send(app, names, event, data, except_socket_id)

    def send_text(
        self, app: App, channel: str, text: bytes, except_socket_id: str | None
    ) -> MaybeAwaitable[str | None]:
        event, data = event_and_data(text)
        self._record.append(SentEvent(app.id, (channel,), event, data, except_socket_id))
        return super().send_text(app, channel, text, except_socket_id)
