"""Reads which channels of an app have history: its `[[apps.history]]` tables, and `REVURB_APP_HISTORY_CHANNELS`.

Rule: what the environment names is one rule more, behind those of the file, unless a table is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from revurb.apps import HistoryRule
from revurb.config.error import suggestion
from revurb.config.history_options import CHANNELS, HISTORY_SETTINGS
from revurb.config.option import Setting
from revurb.config.sources import FoundValue, Sources

KEYS = frozenset({*(setting.key for setting in HISTORY_SETTINGS), "ttl_s"})


@dataclass(frozen=True, slots=True)
class HistoryReader:
    """Reads the rules of one app from its table and, with `in_env`, from the environment. `label` is the prefix of the
    app's keys in problems."""

    sources: Sources
    table: Mapping[str, Any]
    label: str
    in_env: bool

    def read(self) -> list[tuple[HistoryRule, Mapping[str, str]]]:
        """The rules, each with where its options come from, by key. Problems are added to those of the sources."""
        found: list[tuple[HistoryRule, Mapping[str, str]]] = []
        for index, table in enumerate(self._tables()):
            label = f"{self.label}.history[{index}]"
            self._check_keys(table, label)
            read = self._read_rule(label, partial(self._in_table, table))
            if read is not None:
                found.append(read)
        if self.in_env:
            read = self._read_rule(f"{self.label}.history", self._in_environment, is_needed=False)
            if read is not None and all(read[0] != rule for rule, _ in found):
                found.append(read)
        return found

    def _tables(self) -> list[Mapping[str, Any]]:
        given = self.table.get("history", [])
        if not isinstance(given, list) or not all(isinstance(table, dict) for table in given):
            self.sources.problems.append(
                f"{self.label}.history: found no tables in {self.sources.toml_name}; allowed: [[apps.history]] tables"
            )
            return []
        return given

    def _read_rule(
        self, label: str, find: Callable[[Setting], Iterator[FoundValue]], *, is_needed: bool = True
    ) -> tuple[HistoryRule, Mapping[str, str]] | None:
        problems = self.sources.problems
        before = len(problems)
        values: dict[str, Any] = {}
        origins: dict[str, str] = {}
        for setting in HISTORY_SETTINGS:
            key = f"{label}.{setting.key}"
            value, origins[setting.key] = self.sources.resolve(setting, find(setting), key)
            values[setting.attribute] = value
        if len(problems) > before:
            return None
        if origins[CHANNELS.key] == "default":
            given = [key for key, origin in origins.items() if origin != "default"]
            if is_needed or given:
                problems.append(f"{label}.{CHANNELS.key}: not set; allowed: {CHANNELS.allowed()}")
            return None
        return HistoryRule(**values), origins

    def _in_table(self, table: Mapping[str, Any], setting: Setting) -> Iterator[FoundValue]:
        for key in dict.fromkeys((setting.key, setting.attribute)):
            if key in table:
                yield FoundValue(table[key], self.sources.toml_name, False)

    def _in_environment(self, setting: Setting) -> Iterator[FoundValue]:
        return self.sources.find_by_name(setting.option.names)

    def _check_keys(self, table: Mapping[str, Any], label: str) -> None:
        for key in table:
            if key not in KEYS:
                self.sources.problems.append(
                    f"{label}.{key}: unknown key, found in {self.sources.toml_name}{suggestion(key, KEYS)}"
                )
