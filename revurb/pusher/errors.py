"""Errors that a client is sent, with their codes and texts on the wire.

A session answers a PusherError with a `pusher:error` event and, where `fatal`, closes
the connection with the same code. Codes are Pusher's (4000-4099: do not reconnect, 4100-4199: back off,
4200-4299: reconnect at once, 4300-4399: other); texts are Reverb's where Reverb has one.
"""

from __future__ import annotations

from typing import ClassVar


class PusherError(Exception):
    """Answered with `{"event":"pusher:error","data":{"code":...,"message":...}}`."""

    code: ClassVar[int]
    message: ClassVar[str]
    fatal: ClassVar[bool] = False

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.message)


class UnknownApp(PusherError):
    code, message, fatal = 4001, "Application does not exist", True


class AppDisabled(PusherError):
    code, message, fatal = 4003, "Application disabled", True


class OverConnectionQuota(PusherError):
    code, message, fatal = 4004, "Application is over connection quota", True


class OverCapacity(PusherError):
    """The node, not the app, is full: 41xx makes clients come back after a while, elsewhere if they can."""

    code, message, fatal = 4100, "Over capacity", True


class AddressIsFull(OverCapacity):
    """Its address has as many connections as one may have."""

    message = "Over capacity: too many connections from this address"


class OriginNotAllowed(PusherError):
    code, message, fatal = 4009, "Origin not allowed", True


class TerminatedByApp(PusherError):
    code, message, fatal = 4009, "You got disconnected by the app.", True


class SignInRefused(PusherError):
    """The connection stays: what it is subscribed to needs no user."""

    code, message = 4009, "Connection is unauthorized"


class WatchlistTooLong(SignInRefused):
    code, message = 4302, "Watchlist limit reached"


class NotSignedInInTime(PusherError):
    """The text is soketi's."""

    code, message, fatal = 4009, "Connection not authorized within timeout.", True


class PongMissing(PusherError):
    code, message, fatal = 4201, "Pong reply not received in time", True


class SubscriptionRefused(PusherError):
    """Also sent as `pusher:subscription_error`, which names the channel, with `type` and `status` (soketi's names)."""

    type: ClassVar[str]
    status: ClassVar[int]


class Unauthorized(SubscriptionRefused):
    code, message = 4009, "Connection is unauthorized"
    type, status = "AuthError", 401


class SubscriptionLimitReached(SubscriptionRefused):
    code, message = 4301, "Subscription limit reached"
    type, status = "LimitReached", 4301


class InvalidChannelName(SubscriptionRefused):
    code, message = 4009, "Invalid channel name"
    type, status = "LimitReached", 4009


class MemberLimitReached(SubscriptionRefused):
    """`status` is soketi's; as a `code`, which is about the connection, 4100 would say that the node is full."""

    code, message = 4301, "The maximum members per presence channel limit was reached"
    type, status = "LimitReached", 4100


class MemberTooLarge(SubscriptionRefused):
    code, message = 4301, "The member of a presence channel is too large"
    type, status = "LimitReached", 4301


class SubscriptionForbidden(SubscriptionRefused):
    """By a hook, whose words the text is."""

    code, message = 4009, "Subscription refused"
    type, status = "AuthError", 403


class NotAMember(PusherError):
    code, message = 4009, "The client is not a member of the specified channel."


class InvalidMessage(PusherError):
    code, message = 4200, "Invalid message format"


class ClientEventsDisabled(PusherError):
    code, message = 4301, "The app does not have client messaging enabled."


class ClientEventRefused(PusherError):
    code, message = 4301, "Client events are accepted on private and presence channels only."


class ClientEventForbidden(PusherError):
    """By a hook, whose words the text is."""

    code, message = 4301, "Client event refused"


class RateLimited(PusherError):
    code, message = 4301, "Rate limit exceeded"


class ClientEventTooLarge(PusherError):
    code, message = 4301, "Client event rejected: it is too large"


class ClientEventRateReached(PusherError):
    """Not as RateLimited, which may end the connection."""

    code, message = 4301, "Client event rejected due to rate limit"
