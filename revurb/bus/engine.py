"""What the composition root needs of a bus, beside what the protocol needs."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from revurb.pusher.ports import Bus


class Standing(NamedTuple):
    """How well a process keeps up with the bus. `missed` are gaps in what it heard that the bus could not fill; the
    events in them, where it can tell."""

    topics: int  # channels that it hears of
    waiting: int = 0  # events that it has published and the bus has not accepted yet
    dropped: int = 0  # events that could not wait any longer: others will never get them
    missed: int = 0
    lag_s: float | None = None  # how far behind it hears; None where that is not known


class Engine(Bus, Protocol):
    """One way to make processes one: local, hub, redis."""

    async def start(self) -> None:
        """Reach the others. Returns after a moment also if they cannot be reached: the bus goes on trying."""

    async def stop(self) -> None:
        """Let the others know that this process is going."""

    def tick(self) -> None:
        """To be called a few times a second, between `start` and `stop`."""

    @property
    def degraded(self) -> str | None:
        """Why this process is on its own for the time being; None while it is not."""

    @property
    def standing(self) -> Standing:
        """How well it keeps up."""
