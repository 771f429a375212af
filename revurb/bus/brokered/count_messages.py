"""The messages between a node and its broker about counts: of subscribers, and of the connections of an app."""

from __future__ import annotations

from revurb.bus.brokered.reported_state import Message

# From a worker.


class SubscriberCount(Message, tag=4):
    """How many subscribers of the channel the node has now."""

    app_id: str
    channel: str
    count: int


class ConnectionCount(Message, tag=7):
    """The node's connections of the app: the change since the last report, and the number now."""

    app_id: str
    change: int
    count: int


class CountHeld(Message, tag=30):
    """Whether changes of a count are told later from now on, unless somebody wants it. Without a channel it is that of
    the app's connections."""

    app_id: str
    channel: str
    is_held: bool


class CountTold(Message, tag=31):
    """The answer to `CountWanted`: what has changed was told before."""

    app_id: str
    channel: str
    round: int


# From the broker.


class CountWanted(Message, tag=30):
    """Somebody asks for a count that the node holds. Answered with `CountTold`, with the same `round`."""

    app_id: str
    channel: str
    round: int
