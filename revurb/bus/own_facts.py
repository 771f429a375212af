"""The facts of a node that is alone: made, kept and sent in one process."""

from __future__ import annotations

import os
from collections.abc import Sequence

from revurb.pusher.facts import Fact, FactSender, QueuedFact


class OwnFacts:
    """A `revurb.pusher.facts.FactQueue` that hands facts on at once: what its `sender` has not sent is lost with the
    process."""

    __slots__ = ("_count", "_life", "_sender")

    def __init__(self, sender: FactSender) -> None:
        self._sender = sender
        self._life = os.urandom(8).hex()
        self._count = 0

    def start(self) -> None:
        """This process sends."""
        self._sender.begin({})

    def put(self, fact: Fact) -> None:
        """Hand a fact to the sender."""
        self._count += 1
        self._sender.take((QueuedFact(f"{self._life}-{self._count}", fact),))

    def done(self, ids: Sequence[str]) -> None:
        """Does nothing: only the sender has them."""

    def want(self, app_id: str, wanted: int) -> None:
        """Does nothing: what is wanted is looked up each time."""

    async def leave(self, timeout_s: float) -> bool:
        """Nobody sends after this process."""
        return True

    def keep(self, name: str, value: bytes | None) -> None:
        """Does nothing: nobody sends after this process."""
