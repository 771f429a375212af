"""The messages between a node and its broker about facts (revurb/pusher/facts.py)."""

from __future__ import annotations

from revurb.bus.brokered.reported_state import Message
from revurb.pusher.facts import Fact, QueuedFact

# Partition in `Accepted` of the facts that a node has decided.
RECORDED_FACTS = -4


# From a worker.


class RecordFact(Message, tag=32):
    """A fact that the node has decided, its `number` th. Confirmed as an event is, in the partition RECORDED_FACTS."""

    number: int
    fact: Fact


class FactsDone(Message, tag=33):
    """These need not be kept any more: they are sent, or given up. Answered with True."""

    id: int
    ids: list[str]


class KeepForSender(Message, tag=34):
    """Keep `value` under this name for whoever sends after this node, or with None forget it. Answered with True,
    unless `id` is 0."""

    id: int
    name: str
    value: bytes | None


class FactsHeld(Message, tag=35):
    """To a broker that may know nothing of them: facts that an earlier one gave to the node, and that are not done."""

    facts: list[QueuedFact]


class FactsReady(Message, tag=36):
    """The node has reported all such facts, and can be the one that sends. `is_sending` if it is already."""

    is_sending: bool


class FactsWanted(Message, tag=38):
    """What is wanted of an app, which was not known when the node connected, or has changed."""

    app_id: str
    wanted: int


class FactsLeave(Message, tag=37):
    """The node stops. Answered with whether it is the last that can send: at once if it is not, else when all others
    have gone and it has all facts."""

    id: int


# From the broker.


class FactsBegin(Message, tag=32):
    """The node is the one that sends from now on. `kept` is what was kept for it."""

    kept: dict[str, bytes]


class FactsTaken(Message, tag=33):
    """Facts for the node to send."""

    facts: list[QueuedFact]


class FactsEnd(Message, tag=34):
    """Another node sends from now on."""
