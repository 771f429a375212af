"""The facts of a ledger that is in this process's memory: each is made in the step that decides it."""

from __future__ import annotations

from collections.abc import Callable

from revurb.bus.ledger import ChannelKey
from revurb.bus.member_events import MemberEvents
from revurb.bus.subscription_counts import SubscriptionCounts
from revurb.pusher.facts import (
    CACHE_MISS,
    CACHE_MISSES,
    CHANNEL_OCCUPIED,
    CHANNEL_VACATED,
    COUNT_EVENTS,
    COUNTS,
    MEMBER_ADDED,
    MEMBER_REMOVED,
    MEMBERS,
    OCCUPANCY,
    SUBSCRIPTION_COUNT,
    Fact,
    WantedFacts,
    now_ms,
    wanted_of,
)
from revurb.pusher.ports import PublishedEvent

MISS_EVERY_S = 5.0  # in which a channel's cache miss is told once, however many subscribe
MAX_MISSES = 10_000  # channels of which that is remembered


class FactMaker:
    """Gives facts that are `wanted` to `put`, and events that say how many subscribers a channel has to `publish`.
    `clock` gives monotonic seconds."""

    __slots__ = ("_clock", "_counts", "_events", "_missed_at", "_publish", "_put", "_wanted")

    def __init__(
        self,
        wanted: WantedFacts,
        events: MemberEvents,
        put: Callable[[Fact], None],
        publish: Callable[[PublishedEvent], object],
        clock: Callable[[], float],
    ) -> None:
        self._wanted = wanted
        self._events = events
        self._put = put
        self._publish = publish
        self._clock = clock
        self._counts = SubscriptionCounts(clock, self._tell_count)
        self._missed_at: dict[ChannelKey, float] = {}  # the oldest first

    def occupied(self, app_id: str, channel: str) -> None:
        """The channel has its first subscriber."""
        self._make(OCCUPANCY, CHANNEL_OCCUPIED, app_id, channel)

    def vacated(self, app_id: str, channel: str) -> None:
        """The channel's last subscriber has left."""
        self._make(OCCUPANCY, CHANNEL_VACATED, app_id, channel)

    def added(self, app_id: str, channel: str, user_id: str) -> None:
        """A user is new on the channel."""
        self._make(MEMBERS, MEMBER_ADDED, app_id, channel, user_id)

    def removed(self, app_id: str, channel: str, user_id: str) -> None:
        """A user's last connection has left the channel."""
        self._make(MEMBERS, MEMBER_REMOVED, app_id, channel, user_id)

    def counted(self, app_id: str, channel: str, count: int) -> None:
        """The channel has `count` subscribers now, which is told at `settle`."""
        if self._wanted_of(app_id, channel) & (COUNTS | COUNT_EVENTS):
            self._counts.changed(app_id, channel, count)

    def cache_missed(self, app_id: str, channel: str) -> None:
        """Somebody has subscribed to a cache channel that has no last event."""
        if not self._wanted_of(app_id, channel) & CACHE_MISSES:
            return
        key, now, missed_at = (app_id, channel), self._clock(), self._missed_at
        while missed_at and (
            len(missed_at) > MAX_MISSES or next(iter(missed_at.values())) <= now - MISS_EVERY_S
        ):
            del missed_at[next(iter(missed_at))]
        if key not in missed_at:
            missed_at[key] = now
            self._make(CACHE_MISSES, CACHE_MISS, app_id, channel)

    def settle(self) -> None:
        """A change is done: its subscriber gets what is told from now on."""
        self._counts.settle()

    def tick(self) -> None:
        """Tell the counts that are due. To be called a few times a second."""
        self._counts.tick()

    def _make(self, bit: int, kind: str, app_id: str, channel: str, user_id: str = "") -> None:
        if self._wanted_of(app_id, channel) & bit:
            self._put(Fact(kind, app_id, channel, now_ms(), user_id))

    def _tell_count(self, app_id: str, channel: str, count: int) -> None:
        wanted = self._wanted_of(app_id, channel)
        if wanted & COUNT_EVENTS:
            self._publish(PublishedEvent(app_id, channel, self._events.counted(channel, count)))
        if wanted & COUNTS:
            self._put(Fact(SUBSCRIPTION_COUNT, app_id, channel, now_ms(), count=count))

    def _wanted_of(self, app_id: str, channel: str) -> int:
        return wanted_of(self._wanted.get(app_id, 0), channel)
