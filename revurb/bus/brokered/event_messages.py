"""The events in the messages between a node and its broker, and their confirmation."""

from __future__ import annotations

from revurb.bus.brokered.reported_state import Message

# Partitions of the member events that a node causes. Each has its own numbers, from 1 on, besides the `seq` of events.
ADDED_MEMBERS, REMOVED_MEMBERS = -1, -2
# That of the member events that a broker causes itself. Each broker has its own numbers; where they begin is random.
BROKER_EVENTS = -3


class Publish(Message, tag=2):
    """An event for all subscribers of a channel. Answered with `Accepted`, or with `Held` and later `Accepted`. An
    event that an earlier broker held has the `position` that it had there. `partition` is below 0 for a member event
    that was held."""

    seq: int
    app_id: str
    channel: str
    text: bytes
    except_socket_id: str | None
    cache_ttl_s: int
    position: int = 0
    partition: int = 0


class EntrustedEvent(Publish, tag=23):
    """From the broker: an event that it has caused itself, and that it alone has somebody's share of. The node has to
    keep it until it is `Accepted`. To another broker: the same, to be sent to those who have not got it. `source` is
    the epoch of the broker that caused it."""

    source: str = ""


class BrokerEvent(Message, tag=2):
    """An event. `node` is its publisher and `seq` its number there; "" and 0 if it cannot come twice. A partition below
    0 is that of a member event. The `node` of a broker's own event is the epoch of that broker."""

    position: int
    node: str
    seq: int
    app_id: str
    channel: str
    text: bytes
    except_socket_id: str | None
    partition: int = 0


class Accepted(Message, tag=3):
    """The node's events with these numbers have their place in the order, and nobody's share of them is lost if the
    broker dies."""

    seqs: list[int]
    partition: int = 0


class Held(Message, tag=10):
    """The node's events with these numbers have their place in the order, at these positions. But the broker alone
    has somebody's share of them: the node has to keep them until they are `Accepted`, for the case that the broker
    dies. Their publishers need not wait."""

    seqs: list[int]
    positions: list[int]
    partition: int = 0
