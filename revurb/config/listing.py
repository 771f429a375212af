"""Lists a configuration option by option, as `config show` prints it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter

from revurb.config.app_options import APP_SETTINGS, values_of
from revurb.config.config import SETTINGS, Config
from revurb.config.option import Setting


@dataclass(frozen=True, slots=True)
class OptionRow:
    """One option: its dotted key, its printable value (JSON types, secrets masked), and its source."""

    key: str
    value: object
    source: str


def option_rows(config: Config) -> Iterator[OptionRow]:
    """Yields every option of the server, then those of each app."""
    for setting in SETTINGS:
        yield _option_row(config, setting, setting.key, attrgetter(setting.attribute)(config))
    for app in config.apps:
        values = values_of(app)
        for setting in APP_SETTINGS:
            yield _option_row(config, setting, f"apps.{app.id}.{setting.key}", values[setting.key])


def _option_row(config: Config, setting: Setting, key: str, value: object) -> OptionRow:
    return OptionRow(key, setting.printable(value), config.provenance.get(key, "default"))
