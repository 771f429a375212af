"""The arguments of `Server` as a `Config`, each checked by the declaration of its option, and those of its methods.

A wrong type is a TypeError, a wrong value a ValueError; both name the argument, what was found and what is allowed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

import orjson

from revurb.apps import App, AppProvider
from revurb.apps.field_checks import is_utf8
from revurb.config import SETTINGS, Config, Setting, config_of
from revurb.config.admin_options import is_loopback
from revurb.config.error import MASK, suggestion
from revurb.config.limits_profile import PROFILE_KEY, SERVER_VALUES, LimitsProfile, with_profile
from revurb.pusher.channel_name import is_online_channel
from revurb.pusher.limits import EventRefused, check_event

# Argument -> dotted key; the limits have the names of their keys.
KEYS: Mapping[str, str] = {
    "host": "server.host",
    "port": "server.port",
    "path": "server.path",
    "unix_socket": "server.unix_socket",
    "trusted_proxies": "server.trusted_proxies",
    "proxy_protocol": "server.proxy_protocol",
    "cors_origins": "server.cors_origins",
    "tls_cert": "tls.cert",
    "tls_key": "tls.key",
    "drain_timeout_s": "server.drain_timeout_s",
    "compression": "compression.mode",
    "compression_min_size_bytes": "compression.min_size_bytes",
    "debug": "log.debug",
    "access_log": "log.access",
    "access_log_sample": "log.access_sample",
    "hooks_timeout_s": "hooks.timeout_s",
    "hooks_on_failure": "hooks.on_failure",
    "hooks_sample": "hooks.sample",
    "webhooks_allow_private": "webhooks.allow_private",
    "webhooks_smoothing_s": "webhooks.smoothing_s",
    "webhooks_dead_letters": "webhooks.dead_letters",
    "admin_port": "admin.port",
    "admin_host": "admin.host",
    "admin_token": "admin.token",
    **{
        setting.key.removeprefix("limits."): setting.key
        for setting in SETTINGS
        if setting.key.startswith("limits.") and setting.key != PROFILE_KEY
    },
    "limits_profile": PROFILE_KEY,
}
_SETTINGS = {setting.key: setting for setting in SETTINGS}
_TYPES: Mapping[str, tuple[type, ...]] = {
    "text": (str,),
    "choice": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "list": (list, tuple),
}
PROVIDER_METHODS = ("find_by_id", "find_by_key", "all")


class Limits(TypedDict, total=False):
    """The limits of a node by their names in the configuration. docs/configuration.md describes each one."""

    limits_profile: LimitsProfile
    max_request_size_bytes: int
    max_batch_size_bytes: int
    max_head_size_bytes: int
    request_timeout_s: float
    keep_alive_timeout_s: float
    signature_max_age_s: int
    pong_timeout_s: float
    close_timeout_s: float
    max_queued_bytes: int
    max_queued_total_bytes: int | None
    max_connections: int | None
    max_connections_per_address: int | None
    max_handshakes_per_address: int | None
    ban_after: int | None
    ban_s: float
    cache_ttl_s: int
    max_cached_bytes: int


def config_of_arguments(
    apps: Iterable[App], app_provider: AppProvider | None, arguments: Mapping[str, Any]
) -> Config:
    """The configuration of a `Server`. Raises TypeError or ValueError."""
    values = {KEYS[name]: _checked(name, value) for name, value in arguments.items() if _is_known(name)}
    if (values["tls.cert"] is None) != (values["tls.key"] is None):
        raise ValueError("Server: TLS needs both tls_cert and tls_key")
    if values.get("admin.port") is not None and values.get("admin.token") is None:
        for host in values["admin.host"].split(","):
            if not is_loopback(host):
                raise ValueError(f"Server: an admin_host that is not loopback ({host}) needs an admin_token")
    profile = values.get(PROFILE_KEY, "reverb")
    if values.get("server.proxy_protocol") and not values["server.trusted_proxies"]:
        raise ValueError("Server: proxy_protocol needs trusted_proxies")
    listed = _checked_apps(apps, app_provider)
    for key, value in SERVER_VALUES[profile].items():
        values.setdefault(key, value)
    return config_of(values, tuple(with_profile(app, profile) for app in listed))


def _is_known(name: str) -> bool:
    if name not in KEYS:
        raise TypeError(f"Server: there is no parameter {name!r}{suggestion(name, KEYS)}")
    return True


def _checked(name: str, value: Any) -> Any:
    setting = _SETTINGS[KEYS[name]]
    if setting.option.is_path and isinstance(value, os.PathLike):
        value = os.fspath(value)
    if setting.key == "server.path" and value == "":
        return value
    if not _has_type(setting, value):
        raise TypeError(_message(name, setting, value))
    try:
        return setting.read_native(value)
    except ValueError:
        raise ValueError(_message(name, setting, value)) from None


def _has_type(setting: Setting, value: Any) -> bool:
    if value is None:
        return setting.nullable
    return isinstance(value, _TYPES[setting.kind]) and (
        setting.kind == "boolean" or not isinstance(value, bool)
    )


def _message(name: str, setting: Setting, value: Any) -> str:
    found = MASK if setting.option.secret else repr(value)
    return (
        f"Server.{name}: found {found}; allowed: {setting.allowed()}{', or None' if setting.nullable else ''}"
    )


def _checked_apps(apps: Iterable[App], app_provider: AppProvider | None) -> tuple[App, ...]:
    if isinstance(apps, (App, str, bytes, Mapping)) or not isinstance(apps, Iterable):
        found = "an App" if isinstance(apps, App) else type(apps).__name__
        raise TypeError(f"Server.apps: found {found}; allowed: a list of revurb.App")
    listed = tuple(apps)
    for app in listed:
        if not isinstance(app, App):  # not shown: it may have a secret
            raise TypeError(f"Server.apps: found {type(app).__name__} in it; allowed: revurb.App")
    if app_provider is None:
        if not listed:
            raise ValueError("Server.apps: a server needs apps or an app_provider")
        return listed
    missing = [name for name in PROVIDER_METHODS if not callable(getattr(app_provider, name, None))]
    if missing or isinstance(app_provider, type):
        found = "a class, not its instance" if isinstance(app_provider, type) else type(app_provider).__name__
        lacks = f" (it lacks {', '.join(missing)})" if missing else ""
        raise TypeError(
            f"Server.app_provider: found {found}; allowed: an object with {', '.join(PROVIDER_METHODS)}{lacks}"
        )
    if listed:
        raise ValueError("Server.apps: not used with an app_provider, which finds all apps; give one of them")
    return ()


def channel_names(channels: object) -> list[str]:
    """The argument `channels` of `Server.trigger`: a name, or some."""
    if isinstance(channels, str):
        return [_channel_name(channels)]
    if isinstance(channels, (bytes, Mapping)) or not isinstance(channels, Iterable):
        raise TypeError(f"Server.trigger.channels: found {channels!r}; allowed: a name, or a list of names")
    return [_channel_name(name) for name in channels]


def _channel_name(value: object) -> str:
    name = text("trigger", "channels", value)
    if is_online_channel(name):
        raise ValueError(f"Server.trigger.channels: found {name!r}; allowed: any but the server's own")
    return name


def check_limits(app: App, channels: list[str], event: str, data: str) -> None:
    """Raises ValueError for an event that is over a limit of its app."""
    if app.limits is not None:
        try:
            check_event(app, app.limits, channels, event, data)
        except EventRefused as error:
            raise ValueError(f"Server.trigger.{error.part}: {error}") from None


def text(method: str, name: str, value: object, *, may_be_empty: bool = False) -> str:
    """An argument of a method that is a text."""
    if isinstance(value, str) and value and value.isascii():  # nearly always
        return value
    allowed = "a text" if may_be_empty else "a text that is not empty"
    if not isinstance(value, str):
        raise TypeError(f"Server.{method}.{name}: found {value!r}; allowed: {allowed}")
    if not value and not may_be_empty:
        raise ValueError(f"Server.{method}.{name}: found {value!r}; allowed: {allowed}")
    if not is_utf8(value):
        raise ValueError(
            f"Server.{method}.{name}: has half of a surrogate pair in it, which no client can get"
        )
    return value


def user_id_text(value: object) -> str:
    """The argument `user_id` of `Server.terminate`, as users are known."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return text("terminate", "user_id", value)


def json_text(data: object) -> str:
    """The argument `data` of `Server.trigger`: a text as it is, anything else as JSON."""
    if isinstance(data, str):
        return text("trigger", "data", data, may_be_empty=True)
    try:
        return orjson.dumps(data).decode()
    except TypeError as error:
        raise TypeError(f"Server.trigger.data: {error}; allowed: a text, or what JSON has") from error
