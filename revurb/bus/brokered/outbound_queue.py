"""The events that this process has published and that the bus has not accepted yet.

While the bus cannot be reached they wait here for the others; this process's own subscribers get theirs at once.
Each event has a number, so that none is lost and none comes twice: what was sent and not accepted is sent again, and
everyone who has seen the number already, this process too, drops it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import NamedTuple

_log = logging.getLogger(__name__)

MAX_WAITING = 50_000
MAX_WAITING_BYTES = 32 * 1024 * 1024
_EVENT_COST_BYTES = 300  # what an event takes beside its text


class Outgoing(NamedTuple):
    seq: int
    app_id: str
    channel: str
    text: bytes
    except_socket_id: str | None
    cache_ttl_s: int
    accepted: asyncio.Future[None] | None
    lane: int


class Outbound:
    """Bounded in number and bytes: beyond, the oldest are dropped, which is counted (`dropped`) and logged. `lane` says
    in which part of the bus a channel's events have their order, `is_wanted` whether this process has subscribers of
    it."""

    __slots__ = (
        "_bytes",
        "_dropped_before",
        "_is_wanted",
        "_lane",
        "_seen",
        "_seq",
        "_unseen",
        "_waiting",
        "dropped",
    )

    def __init__(self, lane: Callable[[str, str], int], is_wanted: Callable[[str, str], bool]) -> None:
        self._lane = lane
        self._is_wanted = is_wanted
        self._waiting: dict[int, Outgoing] = {}
        self._unseen: dict[int, Outgoing] = {}
        self._bytes = 0
        self._seq = 0
        self._seen: dict[int, int] = {}  # lane -> up to here, this process's own subscribers have got theirs
        self.dropped = 0
        self._dropped_before: int | None = None  # this time; None while nothing has to be

    def __len__(self) -> int:
        return len(self._waiting)

    def add(
        self,
        app_id: str,
        channel: str,
        text: bytes,
        except_socket_id: str | None,
        cache_ttl_s: int,
        accepted: asyncio.Future[None] | None,
    ) -> Outgoing:
        """Number an event, and keep it until it is accepted."""
        self._seq += 1
        lane = self._lane(app_id, channel)
        event = Outgoing(self._seq, app_id, channel, text, except_socket_id, cache_ttl_s, accepted, lane)
        self._waiting[self._seq] = event
        self._bytes += len(text) + _EVENT_COST_BYTES
        while len(self._waiting) > MAX_WAITING or self._bytes > MAX_WAITING_BYTES:
            self._drop()
            self._settle(self._waiting.pop(next(iter(self._waiting))))
        return event

    def accept(self, seq: int) -> None:
        """The bus has given the event its place."""
        event = self._waiting.pop(seq, None)
        if not self._waiting and self._dropped_before is not None:
            _log.warning(
                "what had waited is sent, without what was dropped",
                extra={"dropped": self.dropped - self._dropped_before},
            )
            self._dropped_before = None
        if event is not None:
            self._settle(event)
            if seq > self._seen.get(event.lane, 0) and self._is_wanted(event.app_id, event.channel):
                self._unseen[seq] = event  # accepted on one connection, and still on its way on another

    def first_sight(self, lane: int, seq: int) -> bool:
        """Whether this process's subscribers have not got this event of its own yet; they are about to."""
        if self._unseen:
            self._unseen.pop(seq, None)
        if seq <= self._seen.get(lane, 0):
            return False
        self._seen[lane] = seq
        return True

    def cut_off(self) -> Iterator[Outgoing]:
        """The bus is out of reach: nobody need wait any longer. Gives what this process's subscribers have not got."""
        for event in (*self._unseen.values(), *self._waiting.values()):
            if event.accepted is not None and not event.accepted.done():
                event.accepted.set_result(None)
            if self.first_sight(event.lane, event.seq):
                yield event

    def waiting(self) -> Iterator[Outgoing]:
        """What has to be sent (again), in order."""
        return iter(tuple(self._waiting.values()))

    def _drop(self) -> None:
        if self._dropped_before is None:
            self._dropped_before = self.dropped
            _log.warning("too many events wait for the bus: the oldest are dropped, others never get them")
        self.dropped += 1

    def _settle(self, event: Outgoing) -> None:
        self._bytes -= len(event.text) + _EVENT_COST_BYTES
        if event.accepted is not None and not event.accepted.done():
            event.accepted.set_result(None)
