"""What a client raises. The texts are for people: what was wanted, and what came."""

from __future__ import annotations


class ClientError(Exception):
    """What all errors of a client are."""


class CannotConnect(ClientError):
    """There has been no connection within the patience for the first one. The text has the address and the reason."""


class ConnectionRefused(ClientError):
    """The server wants no connection: its `code`, 4000 to 4099, and why. Another attempt would fail too."""

    def __init__(self, code: int, reason: str, is_closed: bool = True) -> None:
        what = "closed the connection for good" if is_closed else "refused the connection"
        super().__init__(f"the server {what}: {code} {reason}".rstrip())
        self.code = code
        self.reason = reason


class ClientClosed(ClientError):
    """The client is closed, or has not been started."""


class ChannelRefused(ClientError):
    """There is no subscription to `channel`: the auth function, the auth endpoint or the server has refused it, or it
    was given up. `status` is that of HTTP, if there is one."""

    def __init__(self, channel: str, reason: str, status: int | None = None) -> None:
        super().__init__(f"not subscribed to {channel}: {reason}")
        self.channel = channel
        self.reason = reason
        self.status = status


class UserRefused(ClientError):
    """Nobody is signed in: the auth function, the auth endpoint or the server has refused it."""


class AuthRefused(ClientError):
    """Raised by an auth function, or for an auth endpoint that answers 4xx: this client may not, and asking again would
    not change that. `status` is that of HTTP, if there is one."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


class AuthUnavailable(ClientError):
    """The auth endpoint cannot be asked now, or has failed: later it may answer."""
