from __future__ import annotations

from dataclasses import fields

import pytest

from revurb.apps import App, AppLimits, RateLimit
from revurb.config.app_options import APP_SETTINGS, app_of, values_of
from tests.config.test_app_reader import CHAT, SHOP


@pytest.mark.parametrize("app", [CHAT, SHOP])
def test_an_app_is_made_again_from_its_values(app: App) -> None:
    assert app_of(values_of(app)) == app


def test_every_field_has_an_option() -> None:
    attributes = {setting.attribute for setting in APP_SETTINGS}
    # Those are lists of tables, with options of their own.
    names = {field.name for field in fields(App)} - {"webhooks", "history"}
    assert {attribute.partition(".")[0] for attribute in attributes} == names
    assert {f"rate_limit.{field.name}" for field in fields(RateLimit)} < attributes
    assert {f"limits.{field.name}" for field in fields(AppLimits)} < attributes


def test_keys_have_no_units() -> None:
    renamed = {
        setting.key
        for setting in APP_SETTINGS
        if setting.key != setting.attribute.removeprefix("limits.")  # which are beside the others
    }
    assert renamed == {
        "enabled",
        "max_event_data",
        "max_history_size",
        "max_resume_size",
        "max_user_info",
        "ping_interval",
        "activity_timeout",
        "max_message_size",
        "rate_limit.decay",
        "user_authentication_timeout",
    }
