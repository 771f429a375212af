"""Where a client is in the history of one channel, so that it comes back where it was: none twice, and no gap untold.

A position is `EPOCH-NUMBER`, the `id` of an event or of the confirmation of a subscription. What a client does with
it:

| what comes | what is done |
|---|---|
| the confirmation of a first subscription | its `id` is the position |
| an event | its `id` is the position; within an epoch one that is not larger is a repeat, and is dropped |
| `"resumed": true` | what was missed follows: the position stays, and events move it, until all of them are there |
| `"resumed": false`, `pusher:resume_failed` | a gap; the new `id` is the position |
| `"resumed": false` without `id` | nobody knows the position: if it is not known before the next confirmation, a gap |
| a confirmation without `id` after a `resume` | a gap, of a server without history; there is no position |

All that was missed is there when an answer has come to what was asked after the confirmation (`answered`), or when
a newer event comes: then the position is that of the confirmation, past the events that excluded this client. A
`resume` names the connection on which the client was when it last had everything: what excluded that one is not
repeated.

The last event of a cache channel comes right after a confirmation without repeats, and may be as old as its position.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from revurb.pusher_client.received_message import ReceivedMessage

UNSUPPORTED = "unsupported"  # the reason of a gap: the channel has no history any more
UNKNOWN = "unknown"  # the server has not said the reason
UNAVAILABLE = "unavailable"  # the history was out of reach: nobody knows what was missed since
_POSITION = re.compile(r"([0-9a-z]{1,16})-(0|[1-9][0-9]{0,15})", re.ASCII)


class _At(NamedTuple):
    epoch: str
    number: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.number}"

    def covers(self, other: _At | None) -> bool:
        """Whether the other position is this one or an earlier one of the same epoch."""
        return other is not None and self.epoch == other.epoch and other.number <= self.number


class ChannelPositions:
    """The position in one channel. No loop, no clock; the caller tells what comes, in its order."""

    def __init__(self, is_cache: bool = False) -> None:
        self._is_cache = is_cache
        self._at: _At | None = None
        self._socket_id = ""  # of the connection on which everything up to `_at` was there
        self._asked = False  # with a `resume`, on this connection
        self._target: _At | None = None  # where the events lead that are repeated
        self._awaits_reason = False  # a gap is known, and its reason comes next
        self._is_unplaced = False  # there is a history, and the position was not known
        self._is_gap_told = False  # and nothing has come since
        self._cached_floor: _At | None = None
        self._expects_cached = False

    @property
    def position(self) -> str | None:
        """The position as it is sent; None if none is known."""
        return None if self._at is None else str(self._at)

    @property
    def is_catching_up(self) -> bool:
        """Whether events that were missed may still come."""
        return self._target is not None

    def resume(self) -> dict[str, str] | None:
        """What a subscription sends as `resume`; None if there is nothing to resume."""
        self._asked = self._at is not None
        if self._at is None:
            return None
        resume = {"id": str(self._at)}
        if self._socket_id:
            resume["socket_id"] = self._socket_id
        return resume

    def confirmed(self, message: ReceivedMessage, socket_id: str) -> str | None:
        """The subscription is confirmed on the connection `socket_id`. Returns the reason of a gap that is known at
        once; one that the server explains is told by what comes next (`gap_before`)."""
        was_asked, self._asked = self._asked, False
        self._is_gap_told = False
        now, resumed = _read(message.id), message.fields.get("resumed")
        if was_asked and resumed is True and now is not None and self._at is not None:
            if now.epoch == self._at.epoch:
                self._target = None if self._at.covers(now) else now
                if self._target is None:
                    self._socket_id = socket_id
                return None
            resumed = False  # no server says so: what follows cannot be compared
        previous, self._at = self._at, now
        self._socket_id, self._target = socket_id, None
        self._expects_cached, self._cached_floor = self._is_cache and now is not None, previous
        was_unplaced, self._is_unplaced = self._is_unplaced, resumed is False and now is None
        if not was_asked:
            return UNAVAILABLE if was_unplaced else None
        if resumed is False:
            self._awaits_reason = True
            return None
        return UNSUPPORTED

    def gap_before(self, message: ReceivedMessage) -> str | None:
        """The reason of a gap that is to be told before this message of the channel is handled. Gaps with nothing
        between them are one."""
        if message.event != "pusher:resume_failed":
            return self.untold_gap()
        self._awaits_reason = False
        now = _read(message.id)  # of a gap that has a place among the events
        if now is not None:
            if self._at is not None and self._at.covers(now):
                return None  # a repeat
            self._at = now
        was_told, self._is_gap_told = self._is_gap_told, True
        reason = message.mapping().get("reason")
        return None if was_told else reason if isinstance(reason, str) else UNKNOWN

    def untold_gap(self) -> str | None:
        """A gap whose reason has not come, at the end of the connection, say."""
        if not self._awaits_reason:
            return None
        self._awaits_reason = False
        return UNKNOWN

    def received(self, message: ReceivedMessage, socket_id: str) -> bool:
        """An event of the channel has come on the connection `socket_id`. Returns False for a repeat."""
        was_expected, self._expects_cached = self._expects_cached, False
        now = _read(message.id)
        if now is None:
            return True
        if self._at is not None and self._at.covers(now):
            return was_expected and not (self._cached_floor is not None and self._cached_floor.covers(now))
        self._at, self._is_unplaced, self._is_gap_told = now, False, False
        if self._target is None:
            self._socket_id = socket_id
        elif now.epoch != self._target.epoch or now.number >= self._target.number:
            self._target, self._socket_id = None, socket_id
        return True

    def answered(self, socket_id: str) -> None:
        """The server has answered what it was asked after the confirmation: what was to be repeated has come."""
        if self._target is not None:
            self._at, self._target, self._socket_id = self._target, None, socket_id

    def lost(self) -> None:
        """The connection is lost."""
        self._asked = self._expects_cached = False
        self._target = None


def _read(text: str | None) -> _At | None:
    found = None if text is None else _POSITION.fullmatch(text)
    return None if found is None else _At(found[1], int(found[2]))
