"""Reads an app from a row of a table: soketi's columns, and our own.

soketi's table `apps` is understood as it is: whatever columns it has are used, and what it has not is as if nothing was
set. There -1 (and NULL) is no limit. Of our own columns, `previous_secret` is the one that is still accepted, and
`options` is a JSON object with any other fields of `App`, by their names. `options` wins over soketi's columns.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import msgspec

from revurb.apps import App, AppProviderError
from revurb.apps.webhook_target import WEBHOOK_EVENTS

SIGN_IN_TIMEOUT_S = 30  # soketi's, where enable_user_authentication is set
_NO, _YES = ("", "\0", "0", "f", "false", "n", "no"), ("\1", "1", "t", "true", "y", "yes")
_OWN = ("id", "key", "secret", "previous_secret")
OPTIONS = frozenset(field.name for field in fields(App)) - {*_OWN, "is_enabled"}
# soketi's column: field of `App`, or of its `limits`; and what one of it is.
_COUNTS = {
    "max_connections": ("max_connections", 1),
    "max_event_channels_at_once": ("max_channels_per_event", 1),
}
_LIMITS = {
    "max_client_events_per_sec": ("max_client_events_per_second", 1),
    "max_presence_members_per_channel": ("max_presence_members", 1),
    "max_presence_member_size_in_kb": ("max_user_info_bytes", 1024),
    "max_channel_name_length": ("max_channel_name_length", 1),
    "max_event_name_length": ("max_event_name_length", 1),
    "max_event_payload_in_kb": ("max_event_data_bytes", 1024),
    "max_event_batch_size": ("max_events_per_batch", 1),
}


class AppRowError(AppProviderError):
    """A row is no app; the text names the app and what is wrong, without a secret."""


def app_of_row(row: Mapping[str, Any]) -> App:
    """Returns the app in a row, by name of the column. Raises AppRowError."""
    try:
        values: dict[str, Any] = {name: text_of(name, row[name]) for name in ("id", "key", "secret")}
        values |= _soketi_values(row)
        if row.get("previous_secret"):
            values["previous_secret"] = text_of("previous_secret", row["previous_secret"])
        values |= read_options(row.get("options"))
        return msgspec.convert(values, App)
    except KeyError as error:
        raise AppRowError(f"the table of apps has no column {error}") from None
    except Exception as error:  # a column may have anything: infinity, JSON that is nested too deeply
        raise AppRowError(f"the row of app {str(row.get('id'))!r}: {error}") from None


def text_of(column: str, value: object) -> str:
    """The text in a column, which may be one of bytes or integers too. Raises ValueError for what is none, without the
    value: NULL must not be the secret "None"."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        try:
            return bytes(value).decode()
        except UnicodeDecodeError:
            raise ValueError(f"{column}: found bytes that are no UTF-8; allowed: a text") from None
    if value is None or isinstance(value, (bool, float)):
        found = "NULL" if value is None else type(value).__name__
        raise ValueError(f"{column}: found {found}; allowed: a text")
    return str(value)


def read_options(given: object) -> dict[str, Any]:
    """The object in the column `options`, which is JSON where the database has no type for that. Raises ValueError."""
    options = _json("options", given)
    if options is None:
        return {}
    if not isinstance(options, dict):
        raise ValueError("options: found no object")
    if unknown := sorted(options.keys() - OPTIONS):
        raise ValueError(f"options: found {unknown[0]!r}; allowed: {', '.join(sorted(OPTIONS))}")
    return {name: value for name, value in options.items() if value is not None}


def _soketi_values(row: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {"is_enabled": _is_set("enabled", row.get("enabled", True))}
    if row.get("enable_client_messages") is not None:
        may_send = _is_set("enable_client_messages", row["enable_client_messages"])
        values["accept_client_events_from"] = "members" if may_send else "none"
    if _is_set("enable_user_authentication", row.get("enable_user_authentication")):
        values["user_authentication_timeout_s"] = SIGN_IN_TIMEOUT_S
    values |= _numbers(row, _COUNTS)
    if limits := _numbers(row, _LIMITS):
        values["limits"] = limits
    webhooks = _json("webhooks", row.get("webhooks"))
    if webhooks:
        if not isinstance(webhooks, list) or not all(isinstance(target, dict) for target in webhooks):
            raise ValueError("webhooks: found no list of objects")
        targets = [_target(target) for target in webhooks if target.get("url")]
        values["webhooks"] = [target for target in targets if target is not None]
    return values


def _is_set(column: str, value: object) -> bool:
    """A flag: an integer, a bit, which MySQL gives as bytes, or a word. NULL is none. Raises ValueError."""
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if not isinstance(value, str):
        return bool(value)
    word = value.strip().lower()
    if word not in _NO and word not in _YES:
        raise ValueError(f"{column}: found {value!r}; allowed: 0 or 1")
    return word in _YES


def _numbers(row: Mapping[str, Any], columns: Mapping[str, tuple[str, int]]) -> dict[str, int]:
    """Those that are set: -1 is no limit. Raises ValueError."""
    found: dict[str, int] = {}
    for column, (name, unit) in columns.items():
        value = row.get(column)
        if value is None:
            continue
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = 0.0
        if not number or not math.isfinite(number):
            raise ValueError(f"{column}: found {value!r}; allowed: a number of 1 or more, or -1 for no limit")
        if number > 0:
            found[name] = max(1, int(number * unit))
    return found


def _target(target: Mapping[str, Any]) -> dict[str, Any] | None:
    """soketi's webhook as a WebhookTarget: event types that we do not know are never sent, in either. None for one
    without any other: no events would be all of them. Raises ValueError."""
    types, pattern = target.get("event_types") or [], target.get("filter") or {}
    if not isinstance(types, list):
        raise ValueError("webhooks: event_types: found no list")
    if not isinstance(pattern, dict):
        raise ValueError("webhooks: filter: found no object")
    events = [name for name in types if name in WEBHOOK_EVENTS]
    if not events:
        return None
    found: dict[str, Any] = {"url": target["url"], "events": events, "headers": target.get("headers") or {}}
    begin, end = pattern.get("channel_name_starts_with") or "", pattern.get("channel_name_ends_with") or ""
    if begin or end:
        found["channels"] = [f"{begin}*{end}"]
    return found


def _json(column: str, given: object) -> Any:
    """The value of a column of JSON: decoded already by some drivers. Raises ValueError."""
    if not isinstance(given, (str, bytes)):
        return given
    if not given:
        return None
    try:
        return json.loads(given)
    except ValueError as error:
        raise ValueError(f"{column}: no JSON ({error})") from None
