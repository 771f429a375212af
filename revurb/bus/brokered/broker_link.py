"""What connects a process with its broker."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeAlias

from revurb.bus.brokered import broker_messages as m


class BrokerLinkOwner(Protocol):
    """Who a link is for."""

    def linked(self) -> None:
        """The broker can be reached, and knows nothing yet: time for `Hello` and all that waits."""

    def receive(self, messages: Iterable[m.FromBroker]) -> None:
        """Messages came, in the broker's order."""

    def unlinked(self) -> None:
        """The broker cannot be reached. What was sent may have been taken or not."""


class BrokerLink(Protocol):
    """Keeps in touch with the broker from `start` to `stop`, for as long as it takes."""

    def start(self) -> None: ...

    async def stop(self) -> None:
        """End, behind what has been sent. `unlinked` is not called."""

    def send(self, message: m.FromWorker) -> None:
        """Send, if the broker can be reached. Order is kept."""

    def tick(self, now: float) -> None:
        """To be called a few times a second with the loop's time."""

    def partition_of(self, app_id: str, channel: str) -> int:
        """The part of the broker that orders the channel's events: order is kept within a partition only."""

    def lag_s(self, now: float) -> float | None:
        """How far behind the broker this process hears, at `now` of `time.monotonic`; None while it is not known."""

    @property
    def name(self) -> str:
        """The broker, in log lines: "hub", "redis"."""


BrokerLinkFactory: TypeAlias = Callable[[BrokerLinkOwner], BrokerLink]
