"""Whether messages of Redis are received at present."""

from __future__ import annotations

from collections.abc import Callable


class ReceivingGate:
    """Open, unless more waits for clients than may. While it is closed, messages wait in Redis. It ends a connection
    for which 32 MB wait (`client-output-buffer-limit pubsub`), and what was missed then is in the log."""

    def __init__(self) -> None:
        self.is_closed = False
        self._waiting: list[Callable[[], None]] = []

    def close(self) -> None:
        self.is_closed = True

    def open(self) -> None:
        self.is_closed = False
        waiting, self._waiting = self._waiting, []
        for then in waiting:
            then()

    def when_open(self, then: Callable[[], None]) -> None:
        """Call `then` as soon as it is opened, once. To be asked for while it is closed."""
        self._waiting.append(then)
