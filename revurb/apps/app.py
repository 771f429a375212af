"""One app: its credentials and its limits.

The fields and defaults are those of an application of Laravel Reverb (the list `apps` of config/reverb.php), with units
in the names; what begins with `max_channels_per_connection` Reverb does not have. revurb/config/app_options.py adds the
environment name and the range of each field.
"""

from __future__ import annotations

import hashlib
import sys
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hmac import compare_digest
from typing import Any, Literal

from revurb.apps.app_limits import AppLimits
from revurb.apps.authorization import channel_answer, user_answer
from revurb.apps.field_checks import (
    check_choice,
    check_positive,
    check_secret,
    check_switch,
    check_url_name,
    checked_items,
    checked_origins,
)
from revurb.apps.history_rule import HistoryRule
from revurb.apps.webhook_target import WebhookTarget

_BLOCK_BYTES = 64  # of SHA-256

ClientEventSource = Literal["members", "all", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """Allows `max_attempts` messages of one connection in `decay_s` seconds. The next is refused with error 4301."""

    max_attempts: int = 60
    decay_s: int = 60
    terminate: bool = False  # close the connection as well

    def __post_init__(self) -> None:
        check_positive("RateLimit", "max_attempts", self.max_attempts)
        check_positive("RateLimit", "decay_s", self.decay_s)
        check_switch("RateLimit", "terminate", self.terminate)


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """An app, as clients and server SDKs know it.

    `id` identifies it in paths of the HTTP API, `key` in WebSocket paths and auth strings; `secret` signs requests.
    While a secret is replaced, what is signed with `previous_secret` is accepted too; we sign with `secret` alone. An
    app that is not enabled is refused: 4003 for clients, 403 for requests. Connections, channels and users of an app
    are never visible to another app.

    Raises TypeError or ValueError with the name of a field that has a wrong type or value.
    """

    id: str
    key: str
    secret: str = field(repr=False)
    ping_interval_s: int = 60
    activity_timeout_s: int = 30
    allowed_origins: tuple[str, ...] = ("*",)
    max_message_size_bytes: int = 10_000
    max_connections: int | None = None
    accept_client_events_from: ClientEventSource = "members"
    rate_limit: RateLimit | None = None
    max_channels_per_connection: int = 10_000
    max_channels_per_event: int = 100  # as Pusher
    max_subscriptions_per_second: int = 1000  # of a connection that has left or repeated one
    user_authentication_timeout_s: int | None = None  # for `pusher:signin`; None needs none
    subscription_count_events: bool = False
    limits: AppLimits | None = None
    webhooks: tuple[WebhookTarget, ...] = ()
    previous_secret: str | None = field(default=None, repr=False)
    is_enabled: bool = True
    history: tuple[HistoryRule, ...] = ()
    max_history_size_bytes: int = 16_777_216  # of all channels together
    max_resumed_events: int = 1000  # of one channel, to one client that comes back
    max_resume_size_bytes: int = 262_144

    def __post_init__(self) -> None:
        check_url_name("App", "id", self.id)
        check_url_name("App", "key", self.key)
        check_secret("App", "secret", self.secret)
        if self.previous_secret is not None:
            check_secret("App", "previous_secret", self.previous_secret)
        object.__setattr__(
            self, "allowed_origins", checked_origins("App", "allowed_origins", self.allowed_origins)
        )
        for name in ("max_connections", "user_authentication_timeout_s"):
            check_positive("App", name, getattr(self, name), optional=True)
        check_switch("App", "subscription_count_events", self.subscription_count_events)
        check_switch("App", "is_enabled", self.is_enabled)
        check_choice(
            "App",
            "accept_client_events_from",
            self.accept_client_events_from,
            typing.get_args(ClientEventSource),
        )
        if self.rate_limit is not None and not isinstance(self.rate_limit, RateLimit):
            raise TypeError(
                f"App.rate_limit: found {self.rate_limit!r}; allowed: a RateLimit, such as "
                "RateLimit(max_attempts=60, decay_s=60), or None"
            )
        if self.limits is not None and not isinstance(self.limits, AppLimits):
            raise TypeError(
                f"App.limits: found {self.limits!r}; allowed: AppLimits, such as "
                "AppLimits(max_presence_members=100), or None"
            )
        for name in _POSITIVE:
            value = getattr(self, name)
            if (
                type(value) is not int or value < 1
            ):  # saves a call: a provider may make an App for each request
                check_positive("App", name, value)
        if self.max_message_size_bytes > sys.maxsize:  # the kernels compare it with lengths
            found = self.max_message_size_bytes
            raise ValueError(f"App.max_message_size_bytes: found {found}; allowed: {sys.maxsize} or less")
        if self.webhooks != ():
            object.__setattr__(self, "webhooks", _checked_targets(self.webhooks))
        if self.history != ():
            rules = checked_items("App", "history", self.history, HistoryRule, _RULES_IN_WORDS)
            object.__setattr__(self, "history", rules)

    def authorize_channel(
        self, socket_id: str, channel: str, *, user_id: str | int | None = None, user_info: object = None
    ) -> dict[str, str]:
        """Returns what the application's auth endpoint answers, as JSON, to a client that may join `channel`.

        For a presence channel it says who the client is: `user_id`, and `user_info` for the other members. The client
        sends "socket_id", and "channel_name" for the channel. Raises ValueError for what cannot be signed.
        """
        return channel_answer(self.key, self.sign, socket_id, channel, user_id, user_info)

    def authenticate_user(self, socket_id: str, user_data: Mapping[str, object]) -> dict[str, str]:
        """Returns what the application's endpoint for users answers, as JSON, to a client that signs in.

        `user_data` has the "id" of the user, and what else others shall know. Raises ValueError for what cannot be
        signed.
        """
        return user_answer(self.key, self.sign, socket_id, user_data)

    def sign(self, text: str) -> str:
        """Returns the HMAC-SHA256 of `text` with the secret, in hex. All signatures of Pusher are of this kind."""
        return _signature(self.secret, text)

    def signed(self, text: str, signature: str) -> bool:
        """Returns whether `signature` is that of `text` with the secret, or with the previous one. Compares in constant
        time."""
        # compare_digest accepts ASCII only. Other text is no signature; that this takes less time reveals nothing.
        if not signature.isascii():
            return False
        if compare_digest(_signature(self.secret, text), signature):
            return True
        previous = self.previous_secret
        return previous is not None and compare_digest(_signature(previous, text), signature)


_RULES_IN_WORDS = 'a tuple of HistoryRule, such as (HistoryRule(channels=("room-*",)),)'
_POSITIVE = (
    "ping_interval_s",
    "activity_timeout_s",
    "max_message_size_bytes",
    "max_channels_per_connection",
    "max_channels_per_event",
    "max_subscriptions_per_second",
    "max_history_size_bytes",
    "max_resumed_events",
    "max_resume_size_bytes",
)


def _checked_targets(value: Any) -> tuple[WebhookTarget, ...]:
    targets = checked_items("App", "webhooks", value, WebhookTarget, "a tuple of WebhookTarget")
    for target in targets:
        if (
            sum(
                (target.url, target.events, target.channels) == (t.url, t.events, t.channels) for t in targets
            )
            > 1
        ):
            raise ValueError(
                f"App.webhooks: found two targets with {target.shown_url}, the same events and channels; allowed: one"
            )
    return targets


def _signature(secret: str, text: str) -> str:
    keyed_inner, keyed_outer = _keyed_hashes(secret)
    inner, outer = keyed_inner.copy(), keyed_outer.copy()
    inner.update(text.encode())
    outer.update(inner.digest())
    return outer.hexdigest()


@lru_cache(maxsize=1024)
def _keyed_hashes(secret: str) -> tuple[hashlib._Hash, hashlib._Hash]:
    """Returns the inner and the outer hash of an HMAC (RFC 2104), with the key already hashed.

    Signing with copies of them takes 1.0 us, with a copy of an `hmac` object 1.7 us, with a new one 3.3 us.
    """
    key = secret.encode()
    if len(key) > _BLOCK_BYTES:
        key = hashlib.sha256(key).digest()
    key = key.ljust(_BLOCK_BYTES, b"\0")
    return hashlib.sha256(bytes(byte ^ 0x36 for byte in key)), hashlib.sha256(
        bytes(byte ^ 0x5C for byte in key)
    )
