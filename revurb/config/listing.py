"""A configuration laid out flat, as `config show` prints it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter

from revurb.config.app_options import APP_SETTINGS, values_of
from revurb.config.config import SETTINGS, Config
from revurb.config.option import Setting


@dataclass(frozen=True, slots=True)
class Row:
    """One option: its dotted key, its value fit to be seen (JSON types, secrets masked), and its source."""

    key: str
    value: object
    source: str


def rows(config: Config) -> Iterator[Row]:
    """Yields every option of the server, then those of each app."""
    for setting in SETTINGS:
        yield _row(config, setting, setting.key, attrgetter(setting.attribute)(config))
    for app in config.apps:
        values = values_of(app)
        for setting in APP_SETTINGS:
            yield _row(config, setting, f"apps.{app.id}.{setting.key}", values[setting.key])


def _row(config: Config, setting: Setting, key: str, value: object) -> Row:
    return Row(key, setting.shown(value), config.provenance.get(key, "default"))
