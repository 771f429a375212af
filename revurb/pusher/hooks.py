"""What users' own code is told, and asked: the hooks of a node, as the protocol calls them.

revurb/node/hook_runner.py calls the methods of the user's class. An app state has None without hooks, and nothing else
happens then. A question is answered by a call of `decided`, at once or later.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol


class Refuse(Exception):
    """Raised by a hook to refuse what it is asked about; the text is sent to the client."""


class HookConnection(NamedTuple):
    """The connection that a hook is told of. `address` is the client's, `origin` the header of its handshake, `user_id`
    that of a user who has signed in."""

    app_id: str
    socket_id: str
    address: str
    origin: str | None
    user_id: str | None


class HookVerdict(NamedTuple):
    """What a hook has said: why it refuses, or None; and the data that takes the place of a client event's, as JSON."""

    reason: str | None = None
    data_json: bytes | None = None


Decided = Callable[[HookVerdict], None]


class SessionHooks(Protocol):
    """No method raises or waits."""

    asks_subscribe: bool
    asks_client_event: bool

    def connected(self, connection: HookConnection) -> None:
        """A connection was opened."""

    def disconnected(self, connection: HookConnection) -> None:
        """It has ended."""

    def pruned(self, connection: HookConnection) -> None:
        """It is closed since it answered no ping."""

    is_told_of_received: bool

    def received(self, connection: Callable[[], HookConnection], payload: bytes) -> None:
        """A message has come."""

    def signed_in(self, connection: HookConnection) -> None:
        """Its user is known from now on."""

    def unsubscribed(self, connection: HookConnection, channel: str) -> None:
        """It has left a channel, and is still there."""

    def channel_created(self, app_id: str, channel: str) -> None:
        """A channel has its first subscriber in this process."""

    def channel_removed(self, app_id: str, channel: str) -> None:
        """The last one in this process has left."""

    def subscribing(
        self, connection: HookConnection, channel: str, channel_data: str | None, decided: Decided
    ) -> None:
        """A connection that the app has let in wants to subscribe."""

    def client_event(
        self, connection: HookConnection, channel: str, event: str, data_json: bytes, decided: Decided
    ) -> None:
        """A client sends an event to a channel."""
