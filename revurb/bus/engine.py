"""What the composition root needs of a bus, beside what the protocol needs."""

from __future__ import annotations

from typing import Protocol

from revurb.pusher.ports import Bus


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
