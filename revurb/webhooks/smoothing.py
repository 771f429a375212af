"""Smoothing: facts that undo each other within a few seconds are told to nobody. Pusher docs, "Webhook events".

Who reloads a page leaves and comes back. So CHANNEL_VACATED and MEMBER_REMOVED wait, and the opposite fact about
the same channel or member that comes meanwhile takes both away. Order on a channel is strict: what comes behind a fact
that waits, waits with it, and two facts there that undo each other vanish as well.

A hub that replaces another may tell a change once more that the other had told just before. Such a fact says what was
said last about the same thing. It vanishes, as otherwise its opposite would undo the repeat alone, and not the change.

Pure logic: times are handed in. A channel takes memory here only while something waits on it, but for what was said
last, which is remembered of MAX_THINGS.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Sequence

from revurb.pusher.facts import (
    CHANNEL_OCCUPIED,
    CHANNEL_VACATED,
    MEMBER_ADDED,
    MEMBER_REMOVED,
    Fact,
    QueuedFact,
)

FACT_BYTES = 400  # what a fact takes beside its texts, in CPython 3.11

MAX_THINGS = 10_000  # of channels and members; a hub repeats the changes of half a second

_OPPOSITES = {
    CHANNEL_OCCUPIED: CHANNEL_VACATED,
    CHANNEL_VACATED: CHANNEL_OCCUPIED,
    MEMBER_ADDED: MEMBER_REMOVED,
    MEMBER_REMOVED: MEMBER_ADDED,
}
_WAITS = (CHANNEL_VACATED, MEMBER_REMOVED)


def fact_bytes(queued: QueuedFact) -> int:
    """About what it takes in memory."""
    fact = queued.fact
    texts = len(fact.channel) + len(fact.user_id) + len(fact.event) + len(fact.data)
    return FACT_BYTES + len(queued.id) + texts


class _Channel:
    """What waits on one channel: facts in order by a number, and the latest about each thing that can be undone."""

    __slots__ = ("due", "latest", "waiting")

    def __init__(self) -> None:
        # In a dict, the first one after n others that were deleted is found in n steps.
        self.waiting: OrderedDict[int, QueuedFact] = OrderedDict()
        self.due: dict[int, float] = {}  # of those in `waiting` that wait themselves
        self.latest: dict[tuple[bool, str], int] = {}


class Smoothing:
    """Holds facts back. `smoothing_s` is how long; 0 lets all pass.

    A fact leaves it in one of two ways: `accept` or `release` return it, in order, or `vanished` has its id.
    """

    def __init__(self, smoothing_s: float, max_bytes: int) -> None:
        self._smoothing_s = smoothing_s
        self._max_bytes = max_bytes
        self._channels: dict[tuple[str, str], _Channel] = {}
        # A heap of when to look at a channel; a fact that is gone stays in it until then.
        self._timers: list[tuple[float, int, tuple[str, str]]] = []
        # Thing -> the kind that was said last; the latest last.
        self._said: OrderedDict[tuple[str, str, bool, str], str] = OrderedDict()
        self._number = 0
        self._bytes = 0
        self.count = 0
        self.vanished: list[str] = []  # ids; whoever reads it empties it

    @property
    def next_due(self) -> float | None:
        """When `release` is to be called next, by the clock of `accept`."""
        return self._timers[0][0] if self._timers else None

    @property
    def is_over(self) -> bool:
        """Whether it holds more than it may, so that `release` is to be called now."""
        return self._bytes > self._max_bytes

    def accept(
        self, queued: QueuedFact, now: float, now_ms: int, *, was_sent: bool = False
    ) -> QueuedFact | None:
        """Take in one fact; returns it if it may go on now. `now` is of any clock, `now_ms` in ms since 1970. With
        `was_sent` somebody has been told of it already, so that it can be neither held back nor undone."""
        fact = queued.fact
        if fact.kind in _OPPOSITES and self._was_said(fact) and not was_sent:
            self.vanished.append(queued.id)
            return None
        key = (fact.app_id, fact.channel)
        channel = self._channels.get(key)
        waits = self._smoothing_s > 0 and fact.kind in _WAITS and not was_sent
        if channel is None:
            if not waits:
                return queued
            channel = self._channels[key] = _Channel()
        if was_sent:  # what came before has been released before
            channel.due.clear()
            channel.latest.pop(_thing(fact), None)
            self._look(now, key)
        elif self._undoes(channel, queued):
            self._look(now, key)  # what is behind may be first now
            return None
        self._append(channel, queued, is_undoable=not was_sent and fact.kind in _OPPOSITES)
        if waits:
            left_s = fact.time_ms / 1000 + self._smoothing_s - now_ms / 1000
            due = now + min(max(left_s, 0.0), self._smoothing_s)  # clocks of others may differ
            channel.due[self._number] = due
            self._look(due, key)
        return None

    def release(self, now: float, limit: int) -> Sequence[QueuedFact]:
        """The facts that have waited long enough, and what has waited with them: `limit` of them at most, and fewer
        where many that are gone have to be looked at. What takes more memory than it may goes as well, the oldest
        first."""
        released: list[QueuedFact] = []
        looks = 0
        while self._timers and len(released) < limit and looks < 4 * limit:
            looks += 1
            due, _, key = self._timers[0]
            if due > now and not self.is_over:
                break
            channel = self._channels.get(key)
            if channel is None or self._pass_on(channel, max(due, now), limit, released):
                heapq.heappop(self._timers)
                if channel is not None and not channel.waiting:
                    del self._channels[key]
        return released

    def release_all(self) -> Sequence[QueuedFact]:
        """Everything, for a sender that ends and has no successor. What comes later is not held back either."""
        self._smoothing_s = 0.0
        released = [queued for channel in self._channels.values() for queued in channel.waiting.values()]
        self._channels.clear()
        self._timers.clear()
        self._bytes = self.count = 0
        return released

    def _was_said(self, fact: Fact) -> bool:
        """Whether this was said last of what the fact is about. From now on it was."""
        said, thing = self._said, (fact.app_id, fact.channel, *_thing(fact))
        was_said = said.pop(thing, "") == fact.kind
        said[thing] = fact.kind
        if len(said) > MAX_THINGS:
            said.popitem(last=False)
        return was_said

    def _look(self, at: float, key: tuple[str, str]) -> None:
        self._number += 1
        heapq.heappush(self._timers, (at, self._number, key))

    def _append(self, channel: _Channel, queued: QueuedFact, *, is_undoable: bool) -> None:
        self._number += 1
        channel.waiting[self._number] = queued
        self._bytes += fact_bytes(queued)
        self.count += 1
        if is_undoable:
            channel.latest[_thing(queued.fact)] = self._number

    def _undoes(self, channel: _Channel, queued: QueuedFact) -> bool:
        """Whether the fact undoes the latest about the same thing; then both are gone."""
        opposite = _OPPOSITES.get(queued.fact.kind)
        if opposite is None:
            return False
        thing = _thing(queued.fact)
        number = channel.latest.get(thing)
        if number is None or channel.waiting[number].fact.kind != opposite:
            return False
        del channel.latest[thing]
        self.vanished += (self._take(channel, number).id, queued.id)
        return True

    def _pass_on(self, channel: _Channel, now: float, limit: int, released: list[QueuedFact]) -> bool:
        """Moves what is before the first fact that has to wait longer to `released`, which may have `limit`. Whether
        that is all."""
        while channel.waiting:
            number = next(iter(channel.waiting))
            if channel.due.get(number, now) > now:
                return True
            if len(released) >= limit:
                return False
            thing = _thing(channel.waiting[number].fact)
            if channel.latest.get(thing) == number:
                del channel.latest[thing]
            released.append(self._take(channel, number))
        return True

    def _take(self, channel: _Channel, number: int) -> QueuedFact:
        channel.due.pop(number, None)
        queued = channel.waiting.pop(number)
        self._bytes -= fact_bytes(queued)
        self.count -= 1
        return queued


def _thing(fact: Fact) -> tuple[bool, str]:
    """What two opposite facts are both about: a member, or the channel."""
    return fact.kind in (MEMBER_ADDED, MEMBER_REMOVED), fact.user_id
