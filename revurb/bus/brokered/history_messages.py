"""The questions of a node about a channel's history."""

from __future__ import annotations

from revurb.bus.brokered.reported_state import Message
from revurb.pusher.history import HistoryBounds, Position

MARKED_GAPS = -5  # the partition in which a `MarkGap` is accepted


class QueryHistory(Message, tag=40):
    """At most `limit` events: the first after a position, or the last. Answered with a HistoryPage."""

    id: int
    app_id: str
    channel: str
    after: Position | None
    limit: int


class MarkGap(Message, tag=42):
    """Events of the channel were lost before they had a position: whoever comes back from before is to be told, and
    so are its subscribers. Answered as an event is, with the partition MARKED_GAPS."""

    number: int
    app_id: str
    channel: str
    history: HistoryBounds


class ForgetHistory(Message, tag=41):
    """Keep none of the channel's events any more. Answered with a bool."""

    id: int
    app_id: str
    channel: str


class MuchAppended(Message, tag=43):
    """The node has placed so much in the log of the host that the hub had better read it now: what is overwritten
    before may be events that it keeps."""
