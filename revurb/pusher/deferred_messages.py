"""Messages of a client about something that the bus has not confirmed yet: they are handled when it has."""

from __future__ import annotations

from revurb.pusher import messages
from revurb.pusher.errors import OverCapacity
from revurb.pusher.session_state import SessionState

MAX_DEFERRED = 100  # messages of a connection about what is pending; clients send none


class DeferredMessages:
    """What waits for one confirmation of `session`."""

    __slots__ = ("_deferred", "_session")

    def __init__(self, session: SessionState) -> None:
        self._session = session
        self._deferred: list[tuple[messages.ClientMessage, float]] | None = None

    @property
    def deferred_count(self) -> int:
        return 0 if self._deferred is None else len(self._deferred)

    def defer(self, message: messages.ClientMessage, now: float) -> None:
        """Keep a message until then. Raises OverCapacity when the session has kept too many, whatever they wait for."""
        if sum(pending.deferred_count for pending in (self._session.pending or {}).values()) >= MAX_DEFERRED:
            raise OverCapacity
        if self._deferred is None:
            self._deferred = []
        self._deferred.append((message, now))

    def handle_deferred(self) -> None:
        """Handle what was kept, in its order."""
        if self._deferred is not None:
            for message, now in self._deferred:
                self._session.handle(message, now)
