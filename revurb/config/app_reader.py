"""Reads the apps of a configuration: `[[apps]]` tables, and the one app of Laravel's `REVERB_APP_*` names.

Rule 1: an environment app with the id of a table overrides that table option by option; otherwise it is added.
Rule 2: an app without id, key or secret is a problem; so is an option in the environment without `REVERB_APP_ID`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from revurb.apps import App
from revurb.config.app_options import APP_SETTINGS, RATE_LIMIT_ENABLED, app_of
from revurb.config.error import MASK, suggestion
from revurb.config.history_options import HISTORY_SETTINGS
from revurb.config.history_reader import HistoryReader
from revurb.config.limits_profile import APP_VALUES, profile_origin
from revurb.config.option import FILE_SUFFIX, UNSET, Setting
from revurb.config.sources import FoundValue, Sources, read_secret_file
from revurb.config.webhook_options import URL
from revurb.config.webhook_reader import WebhookReader

ID = APP_SETTINGS[0]
SECRET_KEYS = ("secret", "secret_env", "secret_file")
VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
KEYS = frozenset({setting.key for setting in APP_SETTINGS} | {*SECRET_KEYS, "webhooks", "history"})


def read_apps(
    sources: Sources, cwd: Path, provenance: dict[str, str], profile: str = "reverb"
) -> tuple[App, ...]:
    """Returns the apps in the order of the file; an app that only the environment has is the last. `profile` decides
    the limits that nothing sets.

    Adds `apps.<id>.<option>` to `provenance`, and problems to `sources.problems`.
    """
    tables = _tables(sources)
    env_id = _env_id(sources)
    if env_id is not None and all(table.get("id") != env_id for table in tables):
        tables.append({"id": env_id})
    apps: list[App] = []
    for index, table in enumerate(tables):
        app_id = table.get("id")
        in_env = app_id is not None and app_id == env_id
        label = f"apps.{app_id}" if isinstance(app_id, str) and app_id else f"apps[{index}]"
        app = AppReader(sources, table, label, in_env, cwd, profile).read(provenance)
        if app is not None:
            apps.append(app)
    for name in ("id", "key"):
        values = [getattr(app, name) for app in apps]
        for value in dict.fromkeys(value for value in values if values.count(value) > 1):
            sources.problems.append(
                f"apps: found {values.count(value)} apps with the {name} {value!r}; allowed: one"
            )
    return tuple(apps)


def secret_names(sources: Sources) -> Iterator[str]:
    """Yields the environment names that a `secret_env` refers to; they count as known names."""
    apps = sources.toml.get("apps")
    for table in apps if isinstance(apps, list) else ():
        if isinstance(table, Mapping) and isinstance(table.get("secret_env"), str):
            yield table["secret_env"]
            yield table["secret_env"] + FILE_SUFFIX


def _tables(sources: Sources) -> list[Mapping[str, Any]]:
    given = sources.toml.get("apps", [])
    if not isinstance(given, list) or not all(isinstance(table, dict) for table in given):
        sources.problems.append(f"apps: found no tables in {sources.toml_name}; allowed: [[apps]] tables")
        return []
    return list(given)


def _env_id(sources: Sources) -> str | None:
    """Returns the id of the environment's app, None without such an app. Other options without an id are a problem."""
    before = len(sources.problems)
    value, origin = sources.resolve(ID, sources.find_by_name(ID.option.names), "apps.id")
    if origin != "default":
        return str(value)
    if len(sources.problems) > before:
        return None  # the id is invalid, which is a problem already
    for setting in (*APP_SETTINGS[1:], URL, *HISTORY_SETTINGS):
        for found in sources.find_by_name(setting.option.names, is_secret=setting.option.secret):
            if _has_value(setting, found):
                sources.problems.append(
                    f"{ID.option.env}: not set, but found {found.origin}; "
                    "allowed: REVERB_APP_ID, REVERB_APP_KEY and REVERB_APP_SECRET together"
                )
                return None
    return None


def names_an_app(sources: Sources) -> bool:
    """Whether a source has the id, key or secret of an app; limits alone are none."""
    return bool(sources.toml.get("apps")) or any(
        _has_value(setting, found)
        for setting in APP_SETTINGS
        if setting.key in ("id", "key", "secret")
        for found in sources.find_by_name(setting.option.names, is_secret=setting.option.secret)
    )


def _has_value(setting: Setting, found: FoundValue) -> bool:
    try:
        value = found.read(setting)
    except ValueError:
        return True
    return value is not UNSET and value is not None


@dataclass(frozen=True, slots=True)
class AppReader:
    """Reads one app from its table and, with `in_env`, from the environment.

    `label` is the prefix of its keys in problems: `apps.<id>`, or `apps[<index>]` without an id.
    """

    sources: Sources
    table: Mapping[str, Any]
    label: str
    in_env: bool
    cwd: Path
    profile: str = "reverb"

    def read(self, provenance: dict[str, str]) -> App | None:
        """Returns the app, or None if it has problems, which are added to those of the sources."""
        problems = self.sources.problems
        before = len(problems)
        self._check_keys()
        values: dict[str, Any] = {}
        origins: dict[str, str] = {}
        by_profile = APP_VALUES[self.profile]
        for setting in APP_SETTINGS:
            key, count = f"{self.label}.{setting.key}", len(problems)
            value, origin = self.sources.resolve(setting, self._find(setting), key)
            if origin == "default" and setting.attribute in by_profile:
                value, origin = by_profile[setting.attribute], profile_origin(self.profile, provenance)
            values[setting.key], origins[setting.key] = value, origin
            if setting.required and origin == "default" and len(problems) == count:
                settable_by = (
                    f"{setting.option.env} with REVERB_APP_ID"
                    if self.in_env
                    else f"{setting.key} in its table"
                )
                problems.append(
                    f"{key}: not set; allowed: {settable_by}, since an app has an id, a key and a secret"
                )
        targets = WebhookReader(self.sources, self.table, self.label, self.in_env).read()
        rules = HistoryReader(self.sources, self.table, self.label, self.in_env).read()
        if len(problems) > before:
            return None
        prefix = f"apps.{values['id']}"
        provenance.update({f"{prefix}.{key}": origin for key, origin in origins.items()})
        for index, (_, found) in enumerate(targets):
            provenance.update({f"{prefix}.webhooks[{index}].{key}": found[key] for key in found})
        for index, (_, found) in enumerate(rules):
            provenance.update({f"{prefix}.history[{index}].{key}": found[key] for key in found})
        return replace(
            app_of(values),
            webhooks=tuple(target for target, _ in targets),
            history=tuple(rule for rule, _ in rules),
        )

    def _find(self, setting: Setting) -> Iterator[FoundValue]:
        if self.in_env:
            yield from self.sources.find_by_name(setting.option.names, is_secret=setting.option.secret)
        if setting.key == "secret":
            yield from self._find_secret()
        else:
            yield from self.sources.find_in_table(self.table, setting)
        if setting.key == RATE_LIMIT_ENABLED and isinstance(self.table.get("rate_limit"), dict):
            yield FoundValue(True, self.sources.toml_name, False)

    def _find_secret(self) -> Iterator[FoundValue]:
        given = [key for key in SECRET_KEYS if key in self.table]
        if len(given) > 1:
            self._problem("secret", " and ".join(given), "one of them")
            return
        for key in given:
            value = self.table[key]
            if key == "secret":
                yield FoundValue(value, self.sources.toml_name, False)
            elif not isinstance(value, str) or not value.strip():
                self._problem(key, "no text", "a text that is not blank")
            elif key == "secret_file":
                yield from self._read_secret(value)
            else:
                found_values = [
                    found
                    for found in self.sources.find_by_name([value], is_secret=True)
                    if str(found.raw).strip()
                ]
                if not found_values:
                    # It may be the secret itself, put here by mistake; then the problem must not show it.
                    shown = value if VARIABLE.fullmatch(value) else MASK
                    self._problem(key, shown, "the name of a variable that is set")
                yield from found_values

    def _read_secret(self, path: str) -> Iterator[FoundValue]:
        try:
            text = read_secret_file(self.cwd / path)
        except ValueError as error:
            self._problem("secret_file", repr(path), f"a file that can be read ({error})")
        else:
            yield FoundValue(text, f"{self.sources.toml_name} (secret_file {path})", False)

    def _problem(self, key: str, found: str, allowed: str) -> None:
        self.sources.problems.append(
            f"{self.label}.{key}: found {found} in {self.sources.toml_name}; allowed: {allowed}"
        )

    def _check_keys(self) -> None:
        top_keys = {key.partition(".")[0] for key in KEYS}
        for key, value in self.table.items():
            if key not in top_keys:
                self._unknown(key)
            elif key == "rate_limit" and not isinstance(value, dict):
                self._problem(key, "no table", "a table")
            elif key == "rate_limit":
                for inner_key in value:
                    if f"{key}.{inner_key}" not in KEYS:
                        self._unknown(f"{key}.{inner_key}")

    def _unknown(self, key: str) -> None:
        self.sources.problems.append(
            f"{self.label}.{key}: unknown key, found in {self.sources.toml_name}{suggestion(key, KEYS)}"
        )
