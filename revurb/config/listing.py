"""Lists a configuration option by option, as `config show` prints it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from types import MappingProxyType

from revurb.apps import WebhookTarget
from revurb.config.app_options import APP_SETTINGS, values_of
from revurb.config.config import SETTINGS, Config
from revurb.config.error import MASK, RejectedValue
from revurb.config.history_options import HISTORY_SETTINGS
from revurb.config.option import Setting
from revurb.config.webhook_options import WEBHOOK_SETTINGS

NOTHING: Mapping[str, RejectedValue] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class OptionRow:
    """One option: its dotted key, its printable value (JSON types, secrets masked), and its source. One that is not
    usable has the value that was found."""

    key: str
    value: object
    source: str
    is_usable: bool = True


def option_rows(config: Config, rejected: Mapping[str, RejectedValue] = NOTHING) -> Iterator[OptionRow]:
    """Yields every option of the server, then those of each app. What is in `rejected` takes the place of its option;
    of apps that have such options, only these are listed."""
    left = dict(rejected)
    for setting in SETTINGS:
        found = left.pop(setting.key, None)
        if found is None:
            yield _option_row(config, setting, setting.key, attrgetter(setting.attribute)(config))
        else:
            yield OptionRow(setting.key, found.shown, found.origin, is_usable=False)
    for app in config.apps:
        values = values_of(app)
        for setting in APP_SETTINGS:
            yield _option_row(config, setting, f"apps.{app.id}.{setting.key}", values[setting.key])
        for index, target in enumerate(app.webhooks):
            yield from _target_rows(config, f"apps.{app.id}.webhooks[{index}]", target)
        for index, rule in enumerate(app.history):
            for setting in HISTORY_SETTINGS:
                key = f"apps.{app.id}.history[{index}].{setting.key}"
                yield _option_row(config, setting, key, getattr(rule, setting.attribute))
    for key, found in left.items():
        yield OptionRow(key, found.shown, found.origin, is_usable=False)


def _target_rows(config: Config, label: str, target: WebhookTarget) -> Iterator[OptionRow]:
    """The options of a webhook's target. Of its headers, each is a row."""
    for setting in WEBHOOK_SETTINGS:
        key, value = f"{label}.{setting.key}", getattr(target, setting.attribute)
        if setting.kind == "table":
            source = config.provenance.get(key, "default")
            yield from (OptionRow(f"{key}.{name}", MASK, source) for name in value)
        else:
            yield _option_row(config, setting, key, value)


def _option_row(config: Config, setting: Setting, key: str, value: object) -> OptionRow:
    return OptionRow(key, setting.printable(value), config.provenance.get(key, "default"))
