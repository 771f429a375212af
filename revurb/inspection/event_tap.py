"""Shows events as they are published, at the one process that takes them in: the application's at the node's Trigger,
client events at its bus.

Nothing of it is on the way of an event while nobody looks: the methods are exchanged when somebody asks first, and put
back IDLE_S after the last question. Each filter that is asked for has a tap, with a ring of its own, so that few events
of interest are found among many others.

An event has a number among those of its tap. One that comes when the tap has taken MAX_EACH_SECOND gets a number too,
and is not kept; so what is missing between two numbers was skipped.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

import msgspec

from revurb.apps import App
from revurb.inspection.name_filter import NameFilter
from revurb.pusher.messages import data_text, event_and_data
from revurb.pusher.ports import Bus, MaybeAwaitable, PublishedEvent
from revurb.pusher.triggering import Trigger

IDLE_S = 10.0
RING_EVENTS = 500
MAX_EACH_SECOND = 200
MAX_TAPS = 16
IN_USE_S = 4.0  # a page asks again a second after an answer, which may take two
MAX_DATA_CHARS = 2048  # that are shown of an event's data
MAX_CHANNELS = 100  # of one event
MAX_ANSWER_BYTES = 256 * 1024  # about; the rest comes with the next question


class SeenEvent(msgspec.Struct):
    """One event. `data` is cut, `data_bytes` is what it had; `socket_id` is who sent it, or who does not get it."""

    at_ms: int
    channels: list[str]
    event: str
    data: str
    data_bytes: int
    by: Literal["server", "client"]
    socket_id: str | None = None
    process: str = ""


class NoTapFree(Exception):
    """All taps are in use, with other filters."""


class TapKey(NamedTuple):
    """What a tap shows: events of an app on channels, with names, as of NameFilter."""

    app_id: str
    channel: str
    event: str


class _ClientEventText(msgspec.Struct):
    event: str
    data: msgspec.Raw = msgspec.Raw(b"null")


_read_client_event = msgspec.json.Decoder(_ClientEventText).decode


class _Tap:
    def __init__(self, key: TapKey) -> None:
        self.app_id = key.app_id
        self.channel, self.event = NameFilter(key.channel), NameFilter(key.event)
        self.ring: deque[tuple[int, SeenEvent]] = deque(maxlen=RING_EVENTS)
        self.last = 0
        self.asked_at = 0.0
        self._second = self._taken = 0

    def wants(self, app_id: str, channels: Iterable[str]) -> bool:
        return app_id == self.app_id and any(map(self.channel.matches, channels))

    def take(self, second: int, make: Callable[[], SeenEvent]) -> None:
        self.last += 1
        if second != self._second:
            self._second, self._taken = second, 0
        if self._taken < MAX_EACH_SECOND:
            self._taken += 1
            self.ring.append((self.last, make()))


class EventTaps:
    """The taps of a node, which look at its `trigger` and its `bus` when somebody asks."""

    def __init__(self, trigger: Trigger, bus: Bus, now_s: Callable[[], float] = time.time) -> None:
        self._trigger = trigger
        self._bus = bus
        self._now_s = now_s
        self._taps: dict[TapKey, _Tap] = {}
        self._put_back: Callable[[], None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether events are looked at."""
        return self._put_back is not None

    def events(self, key: TapKey, after: int | None, now: float) -> tuple[list[SeenEvent], int, int]:
        """The events behind number `after`, or without one all that are kept; the number of the last one; and how many
        were skipped. `now` is in monotonic seconds. Raises NoTapFree."""
        tap = self._taps.get(key)
        if tap is None:
            tap = self._open(key, now)
        tap.asked_at = now
        if after is not None and after > tap.last:
            after = None  # of an earlier tap
        found: list[SeenEvent] = []
        reached, size = after or 0, 0
        for number, event in tap.ring:
            if after is not None and number <= after:
                continue
            size += len(event.data) + 200
            if size > MAX_ANSWER_BYTES:
                break
            found.append(event)
            reached = number
        else:
            reached = tap.last
        return found, reached, 0 if after is None else reached - after - len(found)

    def tick(self, now: float) -> None:
        """To be called now and then: closes what nobody has asked for lately."""
        if not self._taps:
            return
        for key in [key for key, tap in self._taps.items() if now - tap.asked_at > IDLE_S]:
            del self._taps[key]
        if not self._taps:
            self.close()

    def close(self) -> None:
        """Look at nothing any more."""
        self._taps.clear()
        put_back, self._put_back = self._put_back, None
        if put_back is not None:
            put_back()

    def _open(self, key: TapKey, now: float) -> _Tap:
        if len(self._taps) >= MAX_TAPS:
            oldest = min(self._taps, key=lambda known: self._taps[known].asked_at)
            if now - self._taps[oldest].asked_at < IN_USE_S:
                raise NoTapFree  # or pages would take each other's taps in turn, and none would see anything
            del self._taps[oldest]
        tap = self._taps[key] = _Tap(key)
        if self._put_back is None:
            self._put_back = self._exchange()
        return tap

    def _exchange(self) -> Callable[[], None]:
        """Have the methods pass by here. Returns what puts them back."""
        trigger, bus = self._trigger, self._bus
        send, send_text, publish = trigger.send, trigger.send_text, bus.publish
        is_triggering = False

        def tapped_send(
            app: App, channels: Iterable[str], event: str, data: str, except_socket_id: str | None = None
        ) -> MaybeAwaitable[str | None]:
            nonlocal is_triggering
            names = list(channels)
            is_triggering = True
            try:
                accepted = send(app, names, event, data, except_socket_id)
            finally:
                is_triggering = False
            self._see_sent(app.id, names, event, data, except_socket_id)
            return accepted

        def tapped_send_text(
            app: App, channel: str, text: bytes, except_socket_id: str | None
        ) -> MaybeAwaitable[str | None]:
            nonlocal is_triggering
            is_triggering = True
            try:
                accepted = send_text(app, channel, text, except_socket_id)
            finally:
                is_triggering = False
            self._see_sent(app.id, [channel], *event_and_data(text), except_socket_id)
            return accepted

        def tapped_publish(event: PublishedEvent) -> MaybeAwaitable[None]:
            # What has no sender is no client event: the bus tells others by it to end the connections of a user.
            if not is_triggering and event.except_socket_id is not None:
                self._see_client_event(event)
            return publish(event)

        methods: dict[tuple[Trigger | Bus, str], Callable[..., object]] = {
            (trigger, "send"): tapped_send,
            (trigger, "send_text"): tapped_send_text,
            (bus, "publish"): tapped_publish,
        }
        kept = {(owner, name): vars(owner).get(name) for owner, name in methods}
        for (owner, name), method in methods.items():
            setattr(owner, name, method)

        def put_back() -> None:
            for (owner, name), method in kept.items():
                if method is None:
                    delattr(owner, name)
                else:
                    setattr(owner, name, method)

        return put_back

    def _see_sent(
        self, app_id: str, channels: list[str], event: str, data: str, except_socket_id: str | None
    ) -> None:
        def seen() -> SeenEvent:
            size = len(data.encode("utf-8", "replace"))
            shown = list(dict.fromkeys(channels))[:MAX_CHANNELS]
            return SeenEvent(at_ms, shown, event, data[:MAX_DATA_CHARS], size, "server", except_socket_id)

        at_ms = int(self._now_s() * 1000)
        for tap in self._taps.values():
            if tap.wants(app_id, channels) and tap.event.matches(event):
                tap.take(at_ms // 1000, seen)

    def _see_client_event(self, published: PublishedEvent) -> None:
        taps = [tap for tap in self._taps.values() if tap.wants(published.app_id, (published.channel,))]
        if not taps:
            return
        try:
            text = _read_client_event(published.text)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return
        at_ms = int(self._now_s() * 1000)
        data = data_text(bytes(text.data))
        size = len(data.encode("utf-8", "replace"))
        event = SeenEvent(
            at_ms,
            [published.channel],
            text.event,
            data[:MAX_DATA_CHARS],
            size,
            "client",
            published.except_socket_id,
        )
        for tap in taps:
            if tap.event.matches(text.event):
                tap.take(at_ms // 1000, lambda: event)
