"""The options of one app, once: what `[[apps]]` tables and Laravel's `REVERB_APP_*` names can say.

`revurb.apps.App` is the value that the server uses; its defaults are taken from there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated

from revurb.apps import App, ClientEventSource, RateLimit
from revurb.config.option import Option, Setting, settings_of

# Made only for their defaults.
_APP = App(id="", key="", secret="")
_RATE = RateLimit()


def name_in_url(text: str) -> str:
    """An id or key, which is one segment of a URL path and the left side of `key:signature`. ValueError."""
    if not re.fullmatch(r"[^\s/?#%:]+", text):
        raise ValueError(text)
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimitTable:
    """`rate_limit` of an app."""

    enabled: Annotated[
        bool,
        Option(
            env="REVERB_APP_RATE_LIMITING_ENABLED",
            doc="Limit the messages of each connection; a `rate_limit` table in the file means true.",
        ),
    ] = False
    max_attempts: Annotated[
        int,
        Option(
            env="REVERB_APP_RATE_LIMIT_MAX_ATTEMPTS",
            minimum=1,
            doc="Messages a connection may send in `decay` seconds.",
        ),
    ] = _RATE.max_attempts
    decay: Annotated[
        int,
        Option(
            env="REVERB_APP_RATE_LIMIT_DECAY_SECONDS", minimum=1, doc="Seconds over which they are counted."
        ),
    ] = _RATE.decay_s
    terminate: Annotated[
        bool, Option(env="REVERB_APP_RATE_LIMIT_TERMINATE", doc="Also close a connection that sends more.")
    ] = _RATE.terminate


@dataclass(frozen=True, slots=True, kw_only=True)
class AppTable:
    """One app as the file and the environment spell it; `to_app` is the value the server uses."""

    id: Annotated[
        str,
        Option(
            env="REVERB_APP_ID",
            parse=name_in_url,
            allowed="a text without spaces and / ? # % :",
            doc="Names the app in the paths of the HTTP API.",
        ),
    ]
    key: Annotated[
        str,
        Option(
            env="REVERB_APP_KEY",
            parse=name_in_url,
            allowed="a text without spaces and / ? # % :",
            doc="Names the app to WebSocket clients; public.",
        ),
    ]
    secret: Annotated[
        str, Option(env="REVERB_APP_SECRET", secret=True, doc="Signs requests; never public.")
    ] = field(repr=False)
    ping_interval: Annotated[
        int,
        Option(
            env="REVERB_APP_PING_INTERVAL", minimum=1, doc="Seconds of silence before a connection is pinged."
        ),
    ] = _APP.ping_interval_s
    activity_timeout: Annotated[
        int,
        Option(
            env="REVERB_APP_ACTIVITY_TIMEOUT",
            minimum=1,
            doc="Seconds of silence after which a client should ping; told to it when it connects.",
        ),
    ] = _APP.activity_timeout_s
    allowed_origins: Annotated[
        tuple[str, ...],
        Option(
            env="REVURB_APP_ALLOWED_ORIGINS",
            env_also=("REVERB_ALLOWED_ORIGINS",),
            allowed='host names, "*" stands for any part: a list, or separated by commas in the environment',
            doc="Host names of the web pages that may connect; `*` is any.",
        ),
    ] = _APP.allowed_origins
    max_message_size: Annotated[
        int,
        Option(env="REVERB_APP_MAX_MESSAGE_SIZE", minimum=1, doc="Largest message of a client, in bytes."),
    ] = _APP.max_message_size_bytes
    max_connections: Annotated[
        int | None,
        Option(
            env="REVERB_APP_MAX_CONNECTIONS",
            minimum=1,
            doc="Connections the app may have; without a value there is no limit.",
        ),
    ] = _APP.max_connections
    accept_client_events_from: Annotated[
        ClientEventSource,
        Option(
            env="REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM",
            doc="Who may send client events: members of the channel, all, or none.",
        ),
    ] = _APP.accept_client_events_from
    rate_limit: RateLimitTable = RateLimitTable()

    def to_app(self) -> App:
        """The app as the server knows it."""
        limit = self.rate_limit
        return App(
            id=self.id,
            key=self.key,
            secret=self.secret,
            ping_interval_s=self.ping_interval,
            activity_timeout_s=self.activity_timeout,
            allowed_origins=self.allowed_origins,
            max_message_size_bytes=self.max_message_size,
            max_connections=self.max_connections,
            accept_client_events_from=self.accept_client_events_from,
            rate_limit=RateLimit(
                max_attempts=limit.max_attempts, decay_s=limit.decay, terminate=limit.terminate
            )
            if limit.enabled
            else None,
        )

    @classmethod
    def of(cls, app: App) -> AppTable:
        """The table that would give `app`."""
        limit = app.rate_limit or RateLimit()
        return cls(
            id=app.id,
            key=app.key,
            secret=app.secret,
            ping_interval=app.ping_interval_s,
            activity_timeout=app.activity_timeout_s,
            allowed_origins=app.allowed_origins,
            max_message_size=app.max_message_size_bytes,
            max_connections=app.max_connections,
            accept_client_events_from=app.accept_client_events_from,
            rate_limit=RateLimitTable(
                enabled=app.rate_limit is not None,
                max_attempts=limit.max_attempts,
                decay=limit.decay_s,
                terminate=limit.terminate,
            ),
        )


APP_SETTINGS: tuple[Setting, ...] = tuple(settings_of(AppTable))
