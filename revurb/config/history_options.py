"""Declares the options of history: what `[[apps.history]]` tables can set, and the one rule of the environment. A field
of `HistoryRule` has the type and the default of an option; its row here has the rest."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import fields

from revurb.apps import HistoryRule
from revurb.apps.history_rule import MAX_SIZE, MAX_TTL_S
from revurb.config.option import Option, Setting, setting_of


def _not_empty(text: str) -> str:
    """Returns the text. Raises ValueError for an empty one."""
    if not text:
        raise ValueError
    return text


_OPTIONS: Mapping[str, Option] = {
    "channels": Option(
        env="REVURB_APP_HISTORY_CHANNELS",
        parse=_not_empty,
        allowed='names, where "*" stands for any text: a list, or separated by commas in the environment',
        doc="Channels whose events are kept; `*` stands for any text.",
    ),
    "size": Option(
        env="REVURB_APP_HISTORY_SIZE",
        minimum=1,
        maximum=MAX_SIZE,
        doc="How many events of each channel are kept.",
    ),
    "ttl_s": Option(
        env="REVURB_APP_HISTORY_TTL",
        minimum=1,
        maximum=MAX_TTL_S,
        doc="Seconds for which an event is kept.",
    ),
}


def _setting(name: str, option: Option) -> Setting:
    declared = next(field for field in fields(HistoryRule) if field.name == name)
    kind = typing.get_type_hints(HistoryRule)[name]
    return setting_of(name.removesuffix("_s"), name, kind, option, declared.default)


HISTORY_SETTINGS: tuple[Setting, ...] = tuple(_setting(*row) for row in _OPTIONS.items())
CHANNELS = HISTORY_SETTINGS[0]
