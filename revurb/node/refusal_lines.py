"""What is logged of each refusal: which, to whom, and what the operator does about it.

Nobody waits for it, and nothing of it is on the way of what is accepted. No secret and no signature is in a line; the
query of a request, which has signatures, is not either.
"""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from revurb.apps import AppProvider, FixedApps
from revurb.config import Config
from revurb.observe.refusal_log import RefusalLog
from revurb.pusher.errors import (
    AddressIsFull,
    AppDisabled,
    ClientEventForbidden,
    ClientEventRateReached,
    ClientEventRefused,
    ClientEventsDisabled,
    ClientEventTooLarge,
    InvalidChannelName,
    InvalidMessage,
    MemberLimitReached,
    MemberTooLarge,
    NotAMember,
    NotSignedInInTime,
    OriginNotAllowed,
    OverCapacity,
    OverConnectionQuota,
    PusherError,
    RateLimited,
    SignInRefused,
    SubscriptionForbidden,
    SubscriptionLimitReached,
    Unauthorized,
    UnknownApp,
    WatchlistTooLong,
)
from revurb.pusher.ports import Outlet
from revurb.pusher.registry import RegisteredSession
from revurb.pusher.session import Refusal
from revurb.transport.connections import Upgradable
from revurb.wire.http import TLS_DETAIL, Request

MAX_LISTED_APPS = 5
MAX_REASON_BYTES = 400
EMPTY_JSON = b"{}"  # an answer of the API that is none about a mistake, such as 404 for an empty channel

_DEBUG = "revurb serve --debug shows what the client sends"
# What a session is told, what that is called in the log, and what to do about it.
_OF_SESSIONS: dict[type[PusherError], tuple[str, str]] = {
    Unauthorized: (
        "subscription refused",
        "does the auth endpoint of the application sign with the secret of this app, for this socket id and channel?",
    ),
    SignInRefused: (
        "sign-in refused",
        "does the endpoint for users of the application sign with the secret of this app, for this socket id?",
    ),
    NotSignedInInTime: (
        "nobody signed in",
        "clients call pusher.signin(); REVURB_APP_USER_AUTHENTICATION_TIMEOUT is the limit",
    ),
    WatchlistTooLong: ("sign-in refused", "the application has to sign a shorter watchlist"),
    SubscriptionLimitReached: (
        "subscription refused",
        "REVURB_APP_MAX_CHANNELS_PER_CONNECTION and REVURB_APP_MAX_SUBSCRIPTIONS_PER_SECOND are the limits",
    ),
    InvalidChannelName: (
        "subscription refused",
        "REVURB_APP_CHANNEL_NAME_CHARSET and REVURB_APP_MAX_CHANNEL_NAME_LENGTH are the limits (REVURB_LIMITS)",
    ),
    MemberLimitReached: (
        "subscription refused",
        "REVURB_APP_MAX_PRESENCE_MEMBERS is the limit (REVURB_LIMITS); private channels have none",
    ),
    MemberTooLarge: (
        "subscription refused",
        "the application has to sign less; REVURB_APP_MAX_USER_ID_LENGTH and _USER_INFO are the limits (REVURB_LIMITS)",
    ),
    ClientEventRateReached: (
        "client event refused",
        "REVURB_APP_MAX_CLIENT_EVENTS_PER_SECOND and REVURB_APP_MAX_APP_CLIENT_EVENTS_PER_SECOND are the limits "
        "(REVURB_LIMITS)",
    ),
    SubscriptionForbidden: ("subscription refused by a hook", ""),
    ClientEventForbidden: ("client event refused by a hook", ""),
    ClientEventTooLarge: (
        "client event refused",
        "REVURB_APP_MAX_EVENT_NAME_LENGTH and REVURB_APP_MAX_EVENT_DATA are the limits (REVURB_LIMITS)",
    ),
    RateLimited: (
        "rate limit exceeded",
        "REVERB_APP_RATE_LIMIT_MAX_ATTEMPTS and _DECAY_SECONDS are the limit",
    ),
    ClientEventsDisabled: ("client event refused", "REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM is none"),
    ClientEventRefused: (
        "client event refused",
        "clients send on private and presence channels; REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM=all lifts that",
    ),
    NotAMember: ("client event refused", "only subscribers of a channel may send client events to it"),
    InvalidMessage: ("invalid message", _DEBUG),
    OverCapacity: ("over capacity", "the client sent more than it waited answers for"),
}


_HANDSHAKES: dict[type[PusherError], str] = {
    UnknownApp: "unknown_app",
    AppDisabled: "app_disabled",
    OriginNotAllowed: "origin_refused",
    OverConnectionQuota: "app_full",
    AddressIsFull: "address_full",
}
ANSWERED_OVER_HTTP = ("malformed", "too_many", "failed")  # the others are told over the WebSocket
_PATHS = "clients connect to /app/KEY, applications send to /apps/ID/events"
_PROXY = (
    "a proxy in between has to pass Upgrade and Connection on (nginx: proxy_set_header Upgrade $http_upgrade)"
)
_TLS = "clients connect with http:// and ws:// (forceTLS: false), or set REVURB_TLS_CERT and REVURB_TLS_KEY"
_HTTP_10 = "a proxy in between has to speak HTTP/1.1 (nginx: proxy_http_version 1.1)"
_PROXY_HEADER = (
    "with REVURB_PROXY_PROTOCOL every proxy of REVURB_TRUSTED_PROXIES sends one (nginx: proxy_protocol on; HAProxy: "
    "send-proxy-v2)"
)
_WEBSOCKET = "the client, or a proxy in between, does not speak WebSocket as RFC 6455 has it"
_HTTP = "HTTP/1.1 is spoken here: is it a scanner, or a proxy that is set to HTTP/2 or the PROXY protocol?"
_APPLICATION = "the reason says what the application, or its SDK, has to send otherwise"
_CLOCKS = "the clocks of both hosts have to be right (NTP); REVURB_SIGNATURE_MAX_AGE is the limit"
_SIGNATURE = "has the application the key and secret of this app, and does no proxy change its path or body?"
_DISABLED = "REVURB_APP_ENABLED, or revurb apps enable where apps are in a database"
# Status of an answer: what that is called, what to do about it, and how much it matters.
_OF_STATUS: dict[int, tuple[str, str, int]] = {
    401: ("wrong signature", _SIGNATURE, logging.WARNING),
    403: ("app is disabled", _DISABLED, logging.INFO),
    405: ("wrong method", _PATHS, logging.INFO),
    408: ("request came too slowly", "REVURB_REQUEST_TIMEOUT is the limit", logging.INFO),
    409: ("request is under way", "the reason says what the application sent twice", logging.INFO),
    413: (
        "request too large",
        "REVERB_MAX_REQUEST_SIZE, REVURB_MAX_BATCH_SIZE, REVURB_MAX_HEAD_SIZE and REVURB_APP_MAX_EVENT_DATA are the "
        "limits",
        logging.WARNING,
    ),
    422: ("wrong fields", _APPLICATION, logging.WARNING),
    426: ("no WebSocket", _PROXY, logging.WARNING),
    429: ("too many requests", _APPLICATION, logging.WARNING),
}
_OTHER = ("bad request", _APPLICATION, logging.WARNING)
_BROKEN = ("broken request", _HTTP, logging.WARNING)  # what has no head that can be read
_OF_CLOSE_CODES: dict[int, tuple[str, str, int]] = {
    1009: (
        "message too large",
        "REVERB_APP_MAX_MESSAGE_SIZE is the limit; clients should send large things to the application",
        logging.WARNING,
    ),
    4100: ("client is too slow", "REVURB_MAX_QUEUED_BYTES may wait for one", logging.WARNING),
}
_PLAIN = (
    "clients connect with https:// and wss:// (forceTLS: true), or a proxy has to speak TLS to this server"
)


class LoggedRefusal(Refusal):
    """A refused connection whose client is logged as soon as it is known."""

    __slots__ = ("_refusals", "_request")

    def __init__(self, error: PusherError, request: Request, refusals: RefusalLines) -> None:
        super().__init__(error)
        self._request = request
        self._refusals = refusals

    @property
    def error(self) -> PusherError:
        return self._error

    def opened(self, outlet: Outlet) -> None:
        self._refusals.of_connection(self._error, self._request, outlet)
        super().opened(outlet)


class RefusalLines:
    """Puts each refusal of a node into words."""

    def __init__(self, log: RefusalLog, config: Config, apps: AppProvider) -> None:
        self._log = log
        self._config = config
        self._apps = apps
        self.handshakes: dict[str, int] = {}
        """Refused ones, by why."""

    def connection(self, error: PusherError, request: Request) -> LoggedRefusal:
        """The handler of a connection that is refused."""
        return LoggedRefusal(error, request, self)

    def of_connection(self, error: PusherError, request: Request, outlet: Outlet) -> None:
        """A WebSocket that is refused at its handshake."""
        key = request.path.rpartition("/")[2]
        self.count_handshake(_HANDSHAKES.get(type(error), "server_full"))
        if isinstance(error, UnknownApp):
            if self._log.counts("unknown app"):
                self._write("unknown app", outlet.peer, self._known(), request, key=key)
        elif isinstance(error, AppDisabled):
            if self._log.counts("app is disabled"):
                self._write("app is disabled", outlet.peer, _DISABLED, request, key=key)
        elif isinstance(error, OriginNotAllowed):
            if self._log.counts("origin refused"):
                origin = request.headers.get("origin", "none")
                self._write(
                    "origin refused", outlet.peer, _advice_for(origin), request, origin=origin, key=key
                )
        elif isinstance(error, OverConnectionQuota):
            if self._log.counts("app is full"):
                advice = "REVERB_APP_MAX_CONNECTIONS is the limit"
                self._write("app is full", outlet.peer, advice, request, key=key)
        elif isinstance(error, AddressIsFull):
            if self._log.counts("address is full"):
                self._write(
                    "address is full",
                    outlet.peer,
                    "REVURB_MAX_CONNECTIONS_PER_ADDRESS is the limit",
                    request,
                    key=key,
                )
        elif self._log.counts("server is full"):
            self._write("server is full", outlet.peer, "REVURB_MAX_CONNECTIONS is the limit", request)

    def of_request(self, connection: Upgradable, request: Request | None, status: int, body: bytes) -> None:
        """A request that was answered with 400 or more; `body` is that of the answer."""
        if body == EMPTY_JSON or status in (500, 503):
            if request is not None and request.upgrade:
                self.count_handshake("failed")
            return  # no refusals; the fault behind a 500 is logged by itself
        what, advice, level = _OF_STATUS.get(status, _OTHER if request is not None else _BROKEN)
        if body.startswith(b"Bad handshake."):
            what, advice = "bad handshake", _advice_on_handshake(status, body)
            self.count_handshake("malformed")
        elif status == 401 and b"REVURB_SIGNATURE_MAX_AGE" in body:
            advice = _CLOCKS
        elif status == 404:
            is_app = body.startswith(b"No matching application")
            what, level = ("unknown app", logging.WARNING) if is_app else ("unknown path", logging.INFO)
        elif status == 400 and body.endswith(TLS_DETAIL.encode()):
            what, advice, request = "TLS handshake on a plain port", _TLS, None
        if not self._log.counts(what):
            return
        if what == "unknown app":
            advice = self._known()
        elif what == "unknown path":
            prefix = self._config.server.path
            advice = f"paths begin with {prefix} here (REVERB_SERVER_PATH)" if prefix else _PATHS
        reason = body[:MAX_REASON_BYTES].decode("utf-8", "replace")
        self._write(what, connection.peer, advice, request, level=level, status=str(status), reason=reason)

    def of_session(self, app_id: str, session: RegisteredSession, error: PusherError, channel: str) -> None:
        """A message that a session refuses; `channel` is that of a subscription."""
        what, advice = _OF_SESSIONS.get(type(error), ("message refused", _DEBUG))
        if type(error) in (Unauthorized, SignInRefused) and str(error) != error.message:
            advice = ""  # the reason says what is wrong, and it is not the signature
        if self._log.counts(what):
            self._log.write(
                what,
                session.outlet.peer,
                advice,
                app=app_id,
                socket_id=session.socket_id,
                channel=channel,
                reason=str(error),
            )

    def of_websocket(self, client: str, code: int, reason: str) -> None:
        """A WebSocket that is closed for what it sent, or does not take."""
        what, advice, level = _OF_CLOSE_CODES.get(code, ("broken WebSocket", _WEBSOCKET, logging.INFO))
        if self._log.counts(what):
            self._log.write(what, client, advice, level=level, code=str(code), reason=reason)

    def count_handshake(self, result: str) -> None:
        self.handshakes[result] = self.handshakes.get(result, 0) + 1

    def of_plain_text(self) -> None:
        """A plain request on the port that speaks TLS. (The loop does not tell whose it was.)"""
        what = "plain request on the TLS port"
        if self._log.counts(what):
            self._log.write(what, "", _PLAIN)

    def of_ban(self, client: str, ban_s: float) -> None:
        """The address of a client was banned."""
        what = "address is banned"
        if self._log.counts(what):
            self._log.write(
                what, client, "REVURB_BAN_AFTER and REVURB_BAN_TIME are the limits", ban_s=f"{ban_s:g}"
            )

    def of_proxy_header(self, proxy: str, reason: str) -> None:
        """A connection of a trusted proxy that was closed for its PROXY header."""
        what = "wrong PROXY header"
        if self._log.counts(what):
            self._log.write(what, proxy, _PROXY_HEADER, reason=reason)

    def _write(
        self,
        what: str,
        client: str,
        advice: str,
        request: Request | None,
        *,
        level: int = logging.WARNING,
        **fields: str,
    ) -> None:
        if request is not None:
            fields = {"method": request.method, "path": request.path, **fields}
            forwarded = request.headers.get("x-forwarded-for")
            if given := request.headers.get("x-request-id"):
                fields["request_id"] = given
            if forwarded and not self._config.server.trusted_proxies:  # otherwise it is told whose word it is
                fields["forwarded_for"] = forwarded
        self._log.write(what, client, advice, level=level, **fields)

    def _known(self) -> str:
        if not isinstance(self._apps, FixedApps):  # `all` of a provider may take long
            return "the app provider does not know it"
        apps = self._apps.all()
        listed = ", ".join(f"id {app.id} key {app.key}" for app in apps[:MAX_LISTED_APPS])
        more = f" and {len(apps) - MAX_LISTED_APPS} more" if len(apps) > MAX_LISTED_APPS else ""
        return f"known here: {listed}{more}; revurb config show says where they come from"


def _advice_on_handshake(status: int, body: bytes) -> str:
    if status == 505:
        return _HTTP_10
    return _PROXY if b"Connection header" in body else _WEBSOCKET


def _advice_for(origin: str) -> str:
    try:
        host = urlsplit(origin).hostname
    except ValueError:
        host = None
    if not host and origin != "none":  # "null" of a sandboxed frame or a file, say
        return "it comes from a page without a host: only allowed_origins=* lets it in"
    if not host:
        return "a client without a page sends no Origin: only allowed_origins=* lets it in"
    return f"to let such pages in, add the host name to allowed_origins: REVURB_APP_ALLOWED_ORIGINS={host}"
