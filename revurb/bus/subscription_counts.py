"""When a channel's subscribers, and other servers, are told how many subscribers it has (Pusher docs, "Subscription
counting"): at each change, and of many at most every 5 s. The last change is told in any case."""

from __future__ import annotations

from collections.abc import Callable

from revurb.bus.ledger import ChannelKey

MANY = 100  # subscribers, above which they are told less often
MANY_EVERY_S = 5.0


class SubscriptionCounts:
    """The counts of channels that are to be told. `tell` is called with (app id, channel, count); `clock` gives
    monotonic seconds."""

    __slots__ = ("_changed", "_clock", "_due", "_tell", "_told")

    def __init__(self, clock: Callable[[], float], tell: Callable[[str, str, int], None]) -> None:
        self._clock = clock
        self._tell = tell
        self._changed: dict[ChannelKey, int] = {}
        self._told: dict[ChannelKey, tuple[int, float]] = {}  # what was told last, and when
        self._due: dict[ChannelKey, int] = {}  # to be told later

    def changed(self, app_id: str, channel: str, count: int) -> None:
        """The channel has `count` subscribers now, which is told when the change is done (`settle`)."""
        self._changed[app_id, channel] = count

    def settle(self) -> None:
        """Tell what has changed, and is not to be told later."""
        while self._changed:
            self._settle(*self._changed.popitem())

    def tick(self) -> None:
        """Tell what is due. To be called a few times a second."""
        if self._due:
            now = self._clock()
            for key in [key for key in self._due if now - self._told[key][1] >= MANY_EVERY_S]:
                self._settle(key, self._due[key])

    def _settle(self, key: ChannelKey, count: int) -> None:
        if not count:  # there is nobody to be told
            self._told.pop(key, None)
            self._due.pop(key, None)
            return
        last_count, told_at = self._told.get(key, (0, 0.0))
        if count == last_count:
            self._due.pop(key, None)
        elif count > MANY and last_count and self._clock() - told_at < MANY_EVERY_S:
            self._due[key] = count
        else:
            self._due.pop(key, None)
            self._told[key] = (count, self._clock())
            self._tell(*key, count)
