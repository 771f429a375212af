from __future__ import annotations

from dataclasses import fields

from revurb.apps import HistoryRule
from revurb.config.history_options import CHANNELS, HISTORY_SETTINGS


def test_every_field_of_a_rule_has_an_option_with_its_default() -> None:
    assert [setting.attribute for setting in HISTORY_SETTINGS] == [
        field.name for field in fields(HistoryRule)
    ]
    values = {setting.attribute: setting.default for setting in HISTORY_SETTINGS if not setting.required}
    assert HistoryRule(channels=("a",), **values) == HistoryRule(channels=("a",))
    assert [setting.key for setting in HISTORY_SETTINGS if setting.required] == [CHANNELS.key]
