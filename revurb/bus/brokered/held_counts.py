"""Counts that change often are told once a second, to a broker for which each report is dear.

A count that changes again within TELL_EVERY_S of a report is *held*: that is announced (`CountHeld`), the count is told
every TELL_EVERY_S as long as it changes, and whoever asks for it makes this node tell it (`CountWanted`). It is held no
longer when it has not changed for as long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from revurb.bus.brokered import broker_messages as m
from revurb.bus.ledger import ChannelKey

TELL_EVERY_S = 1.0
TOLD_PER_TURN = 500  # 2 ms


class _HeldCount:
    """A count that is told at `due`, in the loop's time. `told` is what the broker was told last."""

    __slots__ = ("due", "told")

    def __init__(self, due: float, told: int) -> None:
        self.due = due
        self.told = told


class HeldCounts:
    """A key without a channel is that of an app's connections. `read` gives the count of a key, `send` gives a message
    to the broker."""

    def __init__(self, read: Callable[[ChannelKey], int], send: Callable[[m.FromWorker], None]) -> None:
        self._read = read
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._told_at: dict[ChannelKey, float] = {}  # of those that are not held; the oldest first
        self._held: dict[ChannelKey, _HeldCount] = {}  # the first to be told first
        self._changed: dict[ChannelKey, None] = {}  # held, and not told yet
        self._timer: asyncio.Handle | None = None

    def keep(self, key: ChannelKey) -> bool:
        """The count has changed. Returns whether it is held; if not, it is to be told. A channel that others take for
        empty is told."""
        held = self._held.get(key)
        if held is None or not held.told:
            return False
        self._changed[key] = None
        return True

    def told(self, key: ChannelKey, count: int) -> None:
        """The count is told just now."""
        held, now = self._held.get(key), self._loop.time()
        if held is not None:
            held.told = count
            self._changed.pop(key, None)
            return
        while self._told_at and (oldest := next(iter(self._told_at.items())))[1] + TELL_EVERY_S <= now:
            del self._told_at[oldest[0]]
        if self._told_at.pop(key, None) is None:
            self._told_at[key] = now
            return
        self._held[key] = _HeldCount(now + TELL_EVERY_S, count)
        self._send(m.CountHeld(*key, True))
        if self._timer is None:
            self._timer = self._loop.call_at(now + TELL_EVERY_S, self._tell_due)

    def untold(self, app_id: str) -> list[ChannelKey]:
        """The held counts of the app that have changed since they were told."""
        return [key for key in self._changed if key[0] == app_id]

    def is_untold(self, key: ChannelKey) -> bool:
        """Whether the count is held, and has changed since it was told."""
        return key in self._changed

    def answer(self, app_id: str, channel: str, round: int) -> None:
        """Somebody wants the count: tell it if it has changed, and that it is told."""
        if (app_id, channel) in self._changed:
            self._tell((app_id, channel))
        self._send(m.CountTold(app_id, channel, round))

    def clear(self) -> None:
        """Forget everything: the broker is about to be told anew."""
        self._told_at.clear()
        self._held.clear()
        self._changed.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tell(self, key: ChannelKey) -> None:
        held, count = self._held[key], self._read(key)
        app_id, channel = key
        if channel:
            self._send(m.SubscriberCount(app_id, channel, count))
        else:
            self._send(m.ConnectionCount(app_id, count - held.told, count))
        held.told = count
        self._changed.pop(key, None)

    def _tell_due(self) -> None:
        self._timer = None
        now = self._loop.time()
        for _ in range(TOLD_PER_TURN):
            if not self._held:
                return
            key, held = next(iter(self._held.items()))
            if held.due > now:
                self._timer = self._loop.call_at(held.due, self._tell_due)
                return
            if key in self._changed:
                self._tell(key)
                held.due = now + TELL_EVERY_S
                self._held[key] = self._held.pop(key)  # the last to be told
            else:
                del self._held[key]
                self._send(m.CountHeld(*key, False))
        self._timer = self._loop.call_soon(self._tell_due)
