"""Events of channels with history that have no position yet, since the broker that gives it is away.

This node's subscribers get them when the broker has given it to them, as everybody else: who came back meanwhile
would get them twice otherwise, or never. Meanwhile the others of their partition go on, so each of these is known by
its number.

What has to be dropped of them is lost to everybody. That is a gap in the history of its channel, which the broker notes
when it is back, and which it tells the subscribers on all nodes as an event of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from revurb.bus.brokered import broker_messages as m
from revurb.pusher.history import HistoryBounds
from revurb.pusher.ports import PublishedEvent

MAX_HELD = 100_000  # numbers; those of events that never come back, as nobody here wants them, are among them


class UnplacedEvents:
    """Of one node. `gaps` are numbered from 1 on."""

    __slots__ = ("_gap", "_gaps", "_held")

    def __init__(self) -> None:
        self._held: dict[int, None] = {}
        self._gap = 0
        # Channel -> number of the gap, how much is kept there.
        self._gaps: dict[tuple[str, str], tuple[int, HistoryBounds]] = {}

    def hold(self, seq: int) -> None:
        """The event with this number is delivered when the broker sends it, not before."""
        self._held[seq] = None
        if len(self._held) > MAX_HELD:
            del self._held[next(iter(self._held))]

    def __contains__(self, seq: int) -> bool:
        return seq in self._held

    def release(self, seq: int) -> bool:
        """The event has come, or never will. Returns whether it was held."""
        if seq not in self._held:
            return False
        del self._held[seq]
        return True

    def drop(self, seq: int, event: PublishedEvent, bounds: HistoryBounds) -> None:
        """The event is lost to everybody."""
        self._held.pop(seq, None)
        self._gap += 1
        self._gaps[event.app_id, event.channel] = (self._gap, bounds)

    @property
    def has_gaps(self) -> bool:
        return bool(self._gaps)

    def gaps(self) -> Iterator[m.MarkGap]:
        """What the broker is to note, ahead of the events that are left."""
        for (app_id, channel), (number, bounds) in tuple(self._gaps.items()):
            yield m.MarkGap(number, app_id, channel, bounds)

    def gap_marked(self, number: int) -> None:
        """The broker has noted the gap with this number."""
        for key, (gap, _) in self._gaps.items():
            if gap == number:
                del self._gaps[key]
                return
