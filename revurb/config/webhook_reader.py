"""Reads the targets of an app's webhooks: its `[[apps.webhooks]]` tables, and `REVURB_APP_WEBHOOK_URL`.

Rule: the URL of the environment is one target more, of all events, unless a table is the same.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from revurb.apps import App, WebhookTarget
from revurb.apps.public_address import is_address, non_public_kind
from revurb.config.error import suggestion
from revurb.config.option import Setting
from revurb.config.sources import FoundValue, Sources
from revurb.config.webhook_options import (
    SOKETI_ENDS,
    SOKETI_FILTER,
    SOKETI_NAMES,
    SOKETI_STARTS,
    URL,
    WEBHOOK_SETTINGS,
)

KEYS = frozenset({setting.key for setting in WEBHOOK_SETTINGS} | set(SOKETI_NAMES) | {SOKETI_FILTER})


@dataclass(frozen=True, slots=True)
class WebhookReader:
    """Reads the targets of one app from its table and, with `in_env`, from the environment. `label` is the prefix of
    the app's keys in problems."""

    sources: Sources
    table: Mapping[str, Any]
    label: str
    in_env: bool

    def read(self) -> list[tuple[WebhookTarget, Mapping[str, str]]]:
        """The targets, each with where its options come from, by key. Problems are added to those of the sources."""
        found: list[tuple[WebhookTarget, Mapping[str, str]]] = []
        for index, table in enumerate(self._tables()):
            read = self._read_table(table, f"{self.label}.webhooks[{index}]")
            if read is not None:
                found.append(read)
        targets = [target for target, _ in found]
        for index, target in enumerate(targets):
            if any(_is_same(target, other) for other in targets[:index]):
                self._problem(
                    f"{self.label}.webhooks",
                    f"two for {target.shown_url}",
                    "one with these events and channels",
                )
        by_name = self.sources.find_by_name(URL.option.names) if self.in_env else iter(())
        url, origin = self.sources.resolve(URL, by_name, f"{self.label}.webhooks.url")
        if origin != "default":
            target = WebhookTarget(url=url)
            if not any(_is_same(target, other) for other in targets):
                origins = {setting.key: "default" for setting in WEBHOOK_SETTINGS}
                found.append((target, {**origins, URL.key: origin}))
        return found

    def _tables(self) -> list[Mapping[str, Any]]:
        given = self.table.get("webhooks", [])
        if not isinstance(given, list) or not all(isinstance(table, dict) for table in given):
            self._problem(f"{self.label}.webhooks", "no tables", "[[apps.webhooks]] tables")
            return []
        return given

    def _read_table(
        self, table: Mapping[str, Any], label: str
    ) -> tuple[WebhookTarget, Mapping[str, str]] | None:
        problems = self.sources.problems
        before = len(problems)
        table = self._in_own_words(table, label)
        values: dict[str, Any] = {}
        origins: dict[str, str] = {}
        for setting in WEBHOOK_SETTINGS:
            key, count = f"{label}.{setting.key}", len(problems)
            found = self._found(table, setting)
            values[setting.key], origins[setting.key] = self.sources.resolve(setting, found, key)
            if setting.required and origins[setting.key] == "default" and len(problems) == count:
                problems.append(f"{key}: not set; allowed: {setting.allowed()}")
        if len(problems) > before:
            return None
        try:
            return WebhookTarget(**values), origins
        except ValueError as error:  # of the headers; it has no value of one
            field, _, reason = str(error).removeprefix("WebhookTarget.").partition(": ")
            problems.append(f"{label}.{field}: {reason}, in {self.sources.toml_name}")
            return None

    def _found(self, table: Mapping[str, Any], setting: Setting) -> Iterator[FoundValue]:
        if setting.key in table:
            yield FoundValue(table[setting.key], self.sources.toml_name, False)

    def _in_own_words(self, table: Mapping[str, Any], label: str) -> Mapping[str, Any]:
        """The table without the names that only soketi has; unknown ones are problems."""
        own: dict[str, Any] = {}
        for key, value in table.items():
            if key not in KEYS:
                hint = suggestion(key, KEYS)
                self.sources.problems.append(
                    f"{label}.{key}: unknown key, found in {self.sources.toml_name}{hint}"
                )
                continue
            name, taken = ("channels", self._pattern(value, label)) if key == SOKETI_FILTER else (key, value)
            name = SOKETI_NAMES.get(name, name)
            if name in own:
                self._problem(f"{label}.{name}", f"it and {key}", "one of them")
            own[name] = taken
        return own

    def _pattern(self, table: object, label: str) -> object:
        """The pattern of channels of soketi's filter."""
        allowed = f"a table with {SOKETI_STARTS} and {SOKETI_ENDS}"
        if not isinstance(table, dict) or not all(isinstance(text, str) for text in table.values()):
            self._problem(f"{label}.{SOKETI_FILTER}", "no table of texts", allowed)
            return ["*"]
        if unknown := sorted(table.keys() - {SOKETI_STARTS, SOKETI_ENDS}):
            self._problem(f"{label}.{SOKETI_FILTER}", unknown[0], allowed)
        return [f"{table.get(SOKETI_STARTS, '')}*{table.get(SOKETI_ENDS, '')}"]

    def _problem(self, key: str, found: str, allowed: str) -> None:
        self.sources.problems.append(f"{key}: found {found} in {self.sources.toml_name}; allowed: {allowed}")


def check_targets(
    apps: tuple[App, ...], provenance: Mapping[str, str], *, allow_private: bool
) -> Iterator[str]:
    """Yields the problems with targets that are well-formed: an address that would be refused, and no client."""
    for app in apps:
        for index, target in enumerate(app.webhooks):
            key = f"apps.{app.id}.webhooks[{index}].url"
            kind = None if allow_private else _private_kind(target)
            if kind is not None:
                yield (
                    f"{key}: found {target.shown_url!r} in {provenance.get(key)}, which is {kind}; allowed: a public "
                    "address, or any with webhooks.allow_private (REVURB_WEBHOOKS_ALLOW_PRIVATE=true)"
                )
    count = sum(len(app.webhooks) for app in apps)
    if count and importlib.util.find_spec("aiohttp") is None:
        yield (
            f"apps.webhooks: found {count}, but no HTTP client to send with; allowed: none, or "
            "pip install 'revurb[webhooks]'"
        )


def _private_kind(target: WebhookTarget) -> str | None:
    """What a host is that needs no look-up to know that it is not public."""
    host = (urlsplit(target.url).hostname or "").rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761
        return "loopback"
    return non_public_kind(host) if is_address(host) else None


def _is_same(one: WebhookTarget, other: WebhookTarget) -> bool:
    return (one.url, one.events, one.channels) == (other.url, other.events, other.channels)
