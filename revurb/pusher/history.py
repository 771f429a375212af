"""History: events that are kept with their positions, for clients that come back. The values of it that the protocol
and the bus exchange.

A position is EPOCH-NUMBER: within an epoch, one life of a log, the numbers of a channel grow in the order of its
events. It is the "id" beside "event", "channel" and "data" of an event.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import orjson

from revurb.apps import App
from revurb.pusher.channel_name import is_reserved

EXPIRED = "expired"  # older than what is kept
EPOCH = "epoch"  # of another log, which is lost
LIMIT = "limit"  # more was missed than may be repeated at once
INVALID = "invalid"  # no position that can have been given
UNAVAILABLE = "unavailable"  # who keeps the history is out of reach

MAX_PAGE_BYTES = (
    4 * 1024 * 1024
)  # of one answer to a server: 5 ms, during which Redis or the hub does nothing else

_POSITION = re.compile(r"([0-9a-z]{1,16})-(0|[1-9][0-9]{0,15})", re.ASCII)
_MAX_NUMBER = 2**53  # what JavaScript can count


class HistoryBounds(NamedTuple):
    """How much of a channel is kept: its newest `size` events, each for `ttl_s` seconds; and `app_bytes` of all
    channels of the app together."""

    size: int
    ttl_s: int
    app_bytes: int


class Position(NamedTuple):
    epoch: str
    number: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.number}"


class Resume(NamedTuple):
    """What a subscriber has who was there before: everything up to `position`, which is None if it could not be read.
    Events that excluded the connection `socket_id`, its former one, are none that it missed. At most `max_events` with
    `max_bytes` are repeated, of at most twice as many with those that excluded it."""

    position: Position | None
    socket_id: str
    max_events: int
    max_bytes: int


class Replay(NamedTuple):
    """The `events` of a channel from the position of a `Resume` to `position`, as they were sent at first. With a
    `failure`, the reason why not all of them are there, there are none."""

    position: Position
    events: Sequence[bytes] = ()
    failure: str = ""


class HistoryPage(NamedTuple):
    """Some events of a channel, the oldest first. `position` is that of the channel's newest event. `failure` is why
    events before the first one are missing that were asked for; `has_more` whether there are others after the last."""

    position: Position
    events: Sequence[bytes] = ()
    failure: str = ""
    has_more: bool = False


UNAVAILABLE_PAGE = HistoryPage(Position("0", 0), (), UNAVAILABLE)


def history_of(app: App, channel: str) -> HistoryBounds | None:
    """How much of the channel is kept; None if it has no history, as no channel of a user has."""
    for rule in app.history:
        if rule.matches(channel):
            return (
                None
                if is_reserved(channel)
                else HistoryBounds(rule.size, rule.ttl_s, app.max_history_size_bytes)
            )
    return None


def read_position(text: object) -> Position | None:
    """The position that a client sends; None if it is none."""
    found = _POSITION.fullmatch(text) if isinstance(text, str) else None
    if found is None or int(found[2]) >= _MAX_NUMBER:
        return None
    return Position(found[1], int(found[2]))


def read_resume(given: object, app: App) -> Resume:
    """What a client sends as "resume": `{"id": "EPOCH-NUMBER", "socket_id"?: "1.2"}`."""
    fields = given if isinstance(given, dict) else {}
    socket_id = fields.get("socket_id")
    return Resume(
        read_position(fields.get("id")),
        socket_id if isinstance(socket_id, str) else "",
        app.max_resumed_events,
        app.max_resume_size_bytes,
    )


def gap_text(channel: str, reason: str) -> bytes:
    """The event that tells subscribers that they have missed events and do not get them."""
    data = orjson.dumps({"reason": reason}).decode()
    return orjson.dumps({"event": "pusher:resume_failed", "data": data, "channel": channel})


def with_position(text: bytes, position: Position) -> bytes:
    """The finished JSON of an event, with its position as the last member."""
    return b'%b,"id":"%b-%d"}' % (text[:-1], position.epoch.encode(), position.number)
