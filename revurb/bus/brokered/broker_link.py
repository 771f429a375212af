"""The connection between a node and its broker, whatever the broker is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeAlias

from revurb.bus.brokered import broker_messages as m
from revurb.bus.ledger import ChannelKey
from revurb.pusher.facts import WantedFacts
from revurb.pusher.ports import DeliverableEvent, PublishedEvent


class BrokerLinkOwner(Protocol):
    """What a link calls: the bus."""

    def linked(self) -> None:
        """The broker can be reached, and knows nothing of this node yet. The owner sends what it holds, in parts
        (`StatePart`) and a `Hello` over several turns of the loop, and then everything that waits."""

    def relinked(self) -> None:
        """As `linked`, after a break so short that the owner was not told of it. What was sent before may have been
        handled or not."""

    def receive(self, messages: Iterable[m.FromBroker]) -> None:
        """Messages have come, in the broker's order."""

    def deliver(self, event: DeliverableEvent) -> object:
        """Give an event of a channel to this node's subscribers, and to nobody else."""

    def filled(self) -> None:
        """The link `is_full`."""

    def has_room(self) -> None:
        """The link is not full any more."""

    def unlinked(self) -> None:
        """The broker cannot be reached any more. What was sent may have been handled or not."""


class HostEvents(Protocol):
    """What orders the events of a host without its broker: they are not sent to that, and do not wait for it."""

    @property
    def dropped(self) -> int:
        """How many events were too large for the others."""

    @property
    def received(self) -> int:
        """How many events of other nodes were delivered here."""

    def place(self, event: PublishedEvent) -> int:
        """Give an event its place in the order, and deliver it to this node's subscribers. Returns its position; 0 if
        the others do not get it."""

    def add_topic(self, key: ChannelKey) -> None:
        """Receive the events of a channel from now on. Without effect if they are received already."""

    def remove_topic(self, key: ChannelKey) -> None:
        """Receive the events of a channel no more. Without effect if they are not received."""


class BrokerLink(Protocol):
    """Stays connected with the broker from `start` to `stop`, and reconnects whenever that fails."""

    def start(self) -> None:
        """Connect in the background. Needs a running event loop."""

    async def stop(self) -> None:
        """Disconnect when everything is sent. `unlinked` is not called."""

    def send(self, message: m.FromWorker) -> None:
        """Send a message, in order. Does nothing while the broker cannot be reached."""

    def tell_facts(self, wanted: WantedFacts) -> None:
        """Facts are wanted. To be called before `start`; the bus tells the broker in its `Hello`, too."""

    def tick(self, now: float) -> None:
        """Do what is due. To be called a few times a second, with the loop's time."""

    def partition_of(self, app_id: str, channel: str) -> int:
        """The partition of the channel's events. Order is kept within a partition only."""

    def lag_s(self, now: float) -> float | None:
        """How far this node is behind the broker in receiving, at `now` of time.monotonic; None while that is not
        known."""

    def has_place(self, app_id: str, limit: int | None, count: int) -> bool:
        """Called before each connection of the app that comes to the `count` that there are. Returns whether it may be
        taken in without an `Admit`, since there is no limit, or since the broker has lent this node a place below
        it."""

    def released(self, app_id: str, count: int) -> None:
        """Called when a connection of the app has ended; there are `count` more."""

    def hold_receiving(self, is_held: bool) -> None:
        """See `revurb.bus.engine.BusEngine`."""

    @property
    def is_full(self) -> bool:
        """Whether so much is unsent that the owner should wait until it `has_room`."""

    @property
    def confirms_changes(self) -> bool:
        """Whether the broker confirms the member events that this node causes, one by one."""

    @property
    def holds_counts(self) -> bool:
        """Whether a report of a count is dear, so that one that changes often is told once a second (`CountHeld`)."""

    @property
    def invalid_messages(self) -> int:
        """Messages and values that could not be used, and were passed over."""

    @property
    def log(self) -> HostEvents | None:
        """Where this node's events go; None if they are sent to the broker."""

    @property
    def token(self) -> int:
        """The node's name in that log; 0 without one."""

    @property
    def name(self) -> str:
        """The kind of broker, for log lines: "hub" or "redis"."""


BrokerLinkFactory: TypeAlias = Callable[[BrokerLinkOwner], BrokerLink]
