"""What the composition root needs of a bus, besides what the protocol needs."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from revurb.pusher.facts import Fact, FactQueue, FactSender, WantedFacts
from revurb.pusher.ports import Bus


class BusHealth(NamedTuple):
    """How well a node keeps up with the bus. `missed` counts events that the node did not receive and the bus cannot
    send again, or the gaps, where the bus cannot tell how many events were in one."""

    topics: int  # channels that the node is subscribed to
    waiting: int = 0  # published events that the bus has not accepted yet
    dropped: int = 0  # events that could not wait any longer, so that other nodes never get them
    missed: int = 0
    invalid: int = 0  # messages and values that could not be used, whoever wrote them
    lag_s: float | None = None  # how far behind the node is in receiving; None if not known
    cache_dropped: int = 0  # last events of cache channels for which there was no room
    facts_lost: int = 0  # that were never queued: too many waited
    members: int = 0  # users on presence channels, each channel for itself
    reconnects: int = 0  # how often the bus was back
    received: int = 0  # events from the broker
    history_bytes: int = 0  # of kept events, in the memory of this process
    php_nodes: int | None = None  # PHP Reverb nodes on the channel; None if it does not listen there


class BusEngine(Bus, Protocol):
    """One way to connect nodes: local, hub or redis."""

    def tell_facts(self, wanted: WantedFacts, sender: FactSender) -> FactQueue:
        """Make the facts that are `wanted`, and have them sent by `sender` when that is this process's turn. To be
        called before `start`; without, no facts are made and none are sent here."""

    def record(self, fact: Fact) -> None:
        """Queue a fact that this process has decided: a client event, where that is wanted."""

    async def start(self) -> None:
        """Connect to the other nodes. Returns after a few seconds even if they cannot be reached; the bus goes on
        trying."""

    async def stop(self) -> None:
        """Tell the other nodes that this one leaves, and disconnect."""

    def tick(self) -> None:
        """Do what is due. To be called a few times a second, between `start` and `stop`."""

    def hold_receiving(self, is_held: bool) -> None:
        """Receive no events from other nodes while `is_held`: more waits for this node's clients than may. They wait at
        the broker, and in its log. To be called again with each tick; a link that is new receives."""

    @property
    def degraded(self) -> str | None:
        """Why this node is cut off from the others at present; None while it is connected."""

    @property
    def health(self) -> BusHealth:
        """How well this node keeps up with the bus."""
