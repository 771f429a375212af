"""What the composition root needs of a bus, beside what the protocol needs."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from revurb.pusher.ports import Bus


class BusHealth(NamedTuple):
    """How well a process keeps up with the bus. `missed` counts gaps in what it received that the bus could not fill:
    the events in them, where it can tell."""

    topics: int  # channels that it is subscribed to
    waiting: int = 0  # events that it has published and the bus has not accepted yet
    dropped: int = 0  # events that could not wait any longer: others will never get them
    missed: int = 0
    lag_s: float | None = None  # how far behind it receives; None where that is not known


class BusEngine(Bus, Protocol):
    """One way to make processes one: local, hub, redis."""

    async def start(self) -> None:
        """Connect to the others. Returns after a moment also if they cannot be reached: the bus goes on trying."""

    async def stop(self) -> None:
        """Tell the others that this process is going, and disconnect."""

    def tick(self) -> None:
        """To be called a few times a second, between `start` and `stop`."""

    @property
    def degraded(self) -> str | None:
        """Why this process is cut off from the others at present; None while it is not."""

    @property
    def health(self) -> BusHealth:
        """How well it keeps up."""
