"""What `REVURB_LIMITS` turns on at once: the values that options have where nothing sets them.

Keys are those of the settings. A value that any source gives wins, also one that turns a limit off.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal

from revurb.apps import App, AppLimits
from revurb.apps.app_limits import (
    LIMIT_NAMES,
    PUSHER_LIMITS,
    PUSHER_MAX_MESSAGE_SIZE_BYTES,
    PUSHER_MAX_REQUEST_SIZE_BYTES,
)

LimitsProfile = Literal["reverb", "pusher"]
PROFILE_KEY = "limits.profile"

_NOTHING: Mapping[str, Any] = MappingProxyType({})
SERVER_VALUES: Mapping[str, Mapping[str, Any]] = {
    "reverb": _NOTHING,
    "pusher": {"limits.max_request_size_bytes": PUSHER_MAX_REQUEST_SIZE_BYTES},
}
# By attribute of an App.
APP_VALUES: Mapping[str, Mapping[str, Any]] = {
    "reverb": _NOTHING,
    "pusher": {
        "max_message_size_bytes": PUSHER_MAX_MESSAGE_SIZE_BYTES,
        **{f"limits.{name}": getattr(PUSHER_LIMITS, name) for name in LIMIT_NAMES},
    },
}


def with_profile(app: App, profile: str) -> App:
    """An app of a program with the limits of the profile that it does not set itself. A size of messages that is the
    default counts as not set."""
    if profile != "pusher":
        return app
    size_bytes = app.max_message_size_bytes
    if size_bytes == _DEFAULT_SIZE_BYTES:
        size_bytes = PUSHER_MAX_MESSAGE_SIZE_BYTES
    limits = (app.limits or AppLimits()).or_else(PUSHER_LIMITS)
    return replace(app, limits=limits, max_message_size_bytes=size_bytes)


_DEFAULT_SIZE_BYTES = App(id="1", key="1", secret="1").max_message_size_bytes


def server_values(profile: str, origins: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """Yields key and value of each option of the server that has its default, and with the profile another one."""
    for key, value in SERVER_VALUES[profile].items():
        if origins[key] == "default":
            yield key, value


def profile_origin(profile: str, origins: Mapping[str, str]) -> str:
    """Where a value of the profile is from, in words."""
    return f"{PROFILE_KEY} = {profile}, {origins[PROFILE_KEY]}"
