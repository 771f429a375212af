"""A configuration laid out flat, as `config show` prints it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from revurb.config.app_table import APP_SETTINGS, AppTable
from revurb.config.config import SETTINGS, Config
from revurb.config.option import Setting


@dataclass(frozen=True, slots=True)
class Row:
    """One option: its dotted key, its value fit to be seen (JSON types, secrets masked), and its source."""

    key: str
    value: object
    source: str


def rows(config: Config) -> Iterator[Row]:
    """Every option of the node, then those of each app."""
    for setting in SETTINGS:
        yield _row(config, setting, setting.key, config)
    for app in config.apps:
        table = AppTable.of(app)
        for setting in APP_SETTINGS:
            yield _row(config, setting, f"apps.{app.id}.{setting.key}", table)


def _row(config: Config, setting: Setting, key: str, declared: Any) -> Row:
    value = declared
    for part in setting.key.split("."):
        value = getattr(value, part)
    return Row(key, setting.shown(value), config.provenance.get(key, "default"))
