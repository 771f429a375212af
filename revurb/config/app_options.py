"""Declares the options of an app: what `[[apps]]` tables and Laravel's `REVERB_APP_*` names can set.

A field of `App`, `RateLimit` or `AppLimits` has the type and the default of an option; its row here has the environment
name, the range and a sentence. The key is the field without its unit, as in Laravel's `config/reverb.php`; limits are
beside the other options of an app.
"""

from __future__ import annotations

import sys
import typing
from collections.abc import Mapping
from dataclasses import fields, replace
from operator import attrgetter
from typing import Any

from revurb.apps import App, AppLimits, RateLimit
from revurb.apps.field_checks import URL_NAME, URL_NAME_IN_WORDS
from revurb.config.normalization import origin_pattern
from revurb.config.option import Option, Setting, build, setting_of

# The only option without a field: it is true if `App.rate_limit` is not None.
RATE_LIMIT_ENABLED = "rate_limit.enabled"
_TABLES = {"": App, "rate_limit": RateLimit, "limits": AppLimits}
_PUSHERS = "Pusher's is"

_OPTIONS: Mapping[str, Option] = {
    "id": Option(
        env="REVERB_APP_ID",
        pattern=URL_NAME,
        allowed=URL_NAME_IN_WORDS,
        doc="Names the app in the paths of the HTTP API.",
    ),
    "key": Option(
        env="REVERB_APP_KEY",
        pattern=URL_NAME,
        allowed=URL_NAME_IN_WORDS,
        doc="Names the app to WebSocket clients; public.",
    ),
    "secret": Option(env="REVERB_APP_SECRET", secret=True, doc="Signs requests; never public."),
    "previous_secret": Option(
        env="REVURB_APP_PREVIOUS_SECRET",
        secret=True,
        doc="A secret that is accepted beside the other while it is replaced; nothing is signed with it here.",
    ),
    "is_enabled": Option(
        env="REVURB_APP_ENABLED",
        doc="Whether the app is served: without, clients get error 4003 and requests 403.",
    ),
    "ping_interval_s": Option(
        env="REVERB_APP_PING_INTERVAL",
        minimum=1,
        doc="Seconds in which a silent connection is pinged: up to 5 before they are over, so that it is in time for a "
        "proxy with the same timeout.",
    ),
    "activity_timeout_s": Option(
        env="REVERB_APP_ACTIVITY_TIMEOUT",
        minimum=1,
        doc="Seconds of silence after which a client should ping; sent to it when it connects.",
    ),
    "allowed_origins": Option(
        env="REVURB_APP_ALLOWED_ORIGINS",
        env_also=("REVERB_ALLOWED_ORIGINS",),
        parse=origin_pattern,
        allowed='host names, "*" stands for any part: a list, or separated by commas in the environment',
        doc="Host names of the web pages that may connect, without scheme and port; `*` is any.",
    ),
    "max_message_size_bytes": Option(
        env="REVERB_APP_MAX_MESSAGE_SIZE",
        minimum=1,
        maximum=sys.maxsize,
        doc="Largest message of a client, in bytes.",
    ),
    "max_connections": Option(
        env="REVERB_APP_MAX_CONNECTIONS",
        minimum=1,
        doc="Connections the app may have; without a value there is no limit.",
    ),
    "accept_client_events_from": Option(
        env="REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM",
        doc="Who may send client events: members of the channel, all, or none.",
    ),
    "max_channels_per_connection": Option(
        env="REVURB_APP_MAX_CHANNELS_PER_CONNECTION",
        minimum=1,
        doc="Channels that one connection may be subscribed to; more are refused with error 4301.",
    ),
    "max_channels_per_event": Option(
        env="REVURB_APP_MAX_CHANNELS_PER_EVENT",
        minimum=1,
        doc="Channels that one event may be sent to; above: 422, or 400 for an app with limits of Pusher's.",
    ),
    "max_subscriptions_per_second": Option(
        env="REVURB_APP_MAX_SUBSCRIPTIONS_PER_SECOND",
        minimum=1,
        doc="Subscriptions that a connection may make in a second once it has left a channel, or subscribed to one "
        "again; more are refused with error 4301. The first subscription to each channel is not limited.",
    ),
    "user_authentication_timeout_s": Option(
        env="REVURB_APP_USER_AUTHENTICATION_TIMEOUT",
        minimum=1,
        doc="Seconds in which a client has to sign in its user, or is closed with error 4009; without a value it "
        "need not.",
    ),
    "subscription_count_events": Option(
        env="REVURB_APP_SUBSCRIPTION_COUNT_EVENTS",
        doc="Whether the subscribers of a channel are told how many they are, at each change; above 100 every 5 s. Not "
        "on presence channels.",
    ),
    "max_history_size_bytes": Option(
        env="REVURB_APP_MAX_HISTORY_SIZE",
        minimum=1,
        doc="Bytes that the events take that are kept of all channels with history; above, the oldest go.",
    ),
    "max_resumed_events": Option(
        env="REVURB_APP_MAX_RESUMED_EVENTS",
        minimum=1,
        doc="Events of a channel that are repeated to a client that comes back; one that has missed more is told so.",
    ),
    "max_resume_size_bytes": Option(
        env="REVURB_APP_MAX_RESUME_SIZE",
        minimum=1,
        doc="And their bytes.",
    ),
    "limits.channel_name_charset": Option(
        env="REVURB_APP_CHANNEL_NAME_CHARSET",
        doc="Characters of the names of channels: `pusher` is letters, digits and `-_=@,.;`. Others are refused with "
        "error 4009 or status 400.",
    ),
    "limits.max_channel_name_length": Option(
        env="REVURB_APP_MAX_CHANNEL_NAME_LENGTH",
        minimum=1,
        doc="Characters of the name of a channel, its prefix included; more are refused with error 4009 or status 400. "
        f"{_PUSHERS} 164; without a value 1,024 bytes, which are refused with error 4200.",
    ),
    "limits.max_presence_members": Option(
        env="REVURB_APP_MAX_PRESENCE_MEMBERS",
        minimum=1,
        doc="Users on a presence channel, on all nodes together; one more is refused with error 4301, "
        f"`subscription_error` has the type LimitReached and the status 4100. {_PUSHERS} 100.",
    ),
    "limits.max_user_id_length": Option(
        env="REVURB_APP_MAX_USER_ID_LENGTH",
        minimum=1,
        doc="Characters of a `user_id` on presence channels, where more are refused with error 4301, and of users who "
        f"sign in, with 4009. {_PUSHERS} 128.",
    ),
    "limits.max_user_info_bytes": Option(
        env="REVURB_APP_MAX_USER_INFO",
        minimum=1,
        doc="Bytes of a `user_info` on presence channels, as JSON; more are refused with error 4301. "
        f"{_PUSHERS} 1,024.",
    ),
    "limits.max_event_name_length": Option(
        env="REVURB_APP_MAX_EVENT_NAME_LENGTH",
        minimum=1,
        doc="Characters of the name of an event; more are refused with status 400, of a client event with error 4301. "
        f"{_PUSHERS} 200.",
    ),
    "limits.max_event_data_bytes": Option(
        env="REVURB_APP_MAX_EVENT_DATA",
        minimum=1,
        doc="Bytes of the data of an event; more are refused with status 413, of a client event with error 4301. "
        f"{_PUSHERS} 10,240.",
    ),
    "limits.max_events_per_batch": Option(
        env="REVURB_APP_MAX_EVENTS_PER_BATCH",
        minimum=1,
        doc=f"Events in a batch; above: 400. {_PUSHERS} 10.",
    ),
    "limits.max_client_events_per_second": Option(
        env="REVURB_APP_MAX_CLIENT_EVENTS_PER_SECOND",
        minimum=1,
        doc="Client events that a connection may send in a second; more are dropped with error 4301. "
        f"{_PUSHERS} 10.",
    ),
    "limits.max_publishes_per_second": Option(
        env="REVURB_APP_MAX_PUBLISHES_PER_SECOND",
        minimum=1,
        doc="Events that the application may publish over HTTP in a second, on all nodes together, each of a batch "
        "counted; above: 429 with `Retry-After`. Without a value there is no limit.",
    ),
    "limits.max_reads_per_second": Option(
        env="REVURB_APP_MAX_READS_PER_SECOND",
        minimum=1,
        doc="Requests about channels, users and connections that the application may send in a second, on all nodes "
        "together; above: 429 with `Retry-After`. Without a value there is no limit.",
    ),
    "limits.max_app_client_events_per_second": Option(
        env="REVURB_APP_MAX_APP_CLIENT_EVENTS_PER_SECOND",
        minimum=1,
        doc="Client events that all connections of the app may send in a second, on all nodes together; more are "
        "dropped with error 4301. Without a value there is no limit.",
    ),
    RATE_LIMIT_ENABLED: Option(
        env="REVERB_APP_RATE_LIMITING_ENABLED",
        doc="Limit the messages of each connection; a `rate_limit` table in the file means true.",
    ),
    "rate_limit.max_attempts": Option(
        env="REVERB_APP_RATE_LIMIT_MAX_ATTEMPTS",
        minimum=1,
        doc="Messages a connection may send in `decay` seconds.",
    ),
    "rate_limit.decay_s": Option(
        env="REVERB_APP_RATE_LIMIT_DECAY_SECONDS",
        minimum=1,
        doc="Seconds over which they are counted.",
    ),
    "rate_limit.terminate": Option(
        env="REVERB_APP_RATE_LIMIT_TERMINATE",
        doc="Also close a connection that sends more.",
    ),
}


def _setting(attribute: str, option: Option) -> Setting:
    if attribute == RATE_LIMIT_ENABLED:
        return setting_of(attribute, attribute, bool, option, default=False)
    table, _, name = attribute.rpartition(".")
    declaration = _TABLES[table]
    default = next(field.default for field in fields(declaration) if field.name == name)
    key = attribute.removeprefix("limits.").removeprefix("is_").removesuffix("_s").removesuffix("_bytes")
    return setting_of(key, attribute, typing.get_type_hints(declaration)[name], option, default)


APP_SETTINGS: tuple[Setting, ...] = tuple(_setting(*row) for row in _OPTIONS.items())


def app_of(values: Mapping[str, Any]) -> App:
    """Returns the app with these values by key. Requires a value for each of `APP_SETTINGS`.

    The numbers of a rate limit that is not enabled have no effect.
    """
    given = {setting.attribute: values[setting.key] for setting in APP_SETTINGS}
    enabled = given.pop(RATE_LIMIT_ENABLED)
    app = build(App, given)
    return replace(app, rate_limit=app.rate_limit if enabled else None, limits=app.limits or None)


def values_of(app: App) -> dict[str, Any]:
    """Returns the value of each of `APP_SETTINGS` by key, from which `app_of` makes the same app.

    For an app without a rate limit, the numbers are those of the default one.
    """
    limited = replace(app, rate_limit=app.rate_limit or RateLimit(), limits=app.limits or AppLimits())
    values = {
        setting.key: attrgetter(setting.attribute)(limited)
        for setting in APP_SETTINGS
        if setting.key != RATE_LIMIT_ENABLED
    }
    return {**values, RATE_LIMIT_ENABLED: app.rate_limit is not None}
