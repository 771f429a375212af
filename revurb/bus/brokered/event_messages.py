"""The events in the messages between a node and its broker, and their confirmation."""

from __future__ import annotations

from revurb.bus.brokered.reported_state import Message
from revurb.pusher.history import HistoryBounds

# Partitions of the member events that a node causes. Each has its own numbers, from 1 on, besides the `seq` of events.
ADDED_MEMBERS, REMOVED_MEMBERS = -1, -2
# That of the member events that a broker causes itself. Each broker has its own numbers; where they begin is random.
BROKER_EVENTS = -3


class Publish(Message, tag=2):
    """An event for all subscribers of a channel, of which so much is kept as `history` says. Answered with
    `Accepted`."""

    seq: int
    app_id: str
    channel: str
    text: bytes
    except_socket_id: str | None
    cache_ttl_s: int
    history: HistoryBounds | None = None


class BrokerEvent(Message, tag=2):
    """An event. `node` is its publisher and `seq` its number there; "" and 0 if it cannot come twice. A partition below
    0 is that of a member event. The `node` of a broker's own event is the epoch of that broker."""

    node: str
    seq: int
    app_id: str
    channel: str
    text: bytes
    except_socket_id: str | None
    partition: int = 0


class Accepted(Message, tag=3):
    """The node's events with these numbers have their place in the order, and are not lost if the broker dies."""

    seqs: list[int]
    partition: int = 0
