from __future__ import annotations

from dataclasses import fields

import pytest

from revurb.apps import WebhookTarget
from revurb.config.option import RefusedValue
from revurb.config.webhook_options import URL, WEBHOOK_SETTINGS, webhook_url


def test_every_field_of_a_target_has_an_option_with_its_default() -> None:
    assert [setting.attribute for setting in WEBHOOK_SETTINGS] == [
        field.name for field in fields(WebhookTarget)
    ]
    values = {setting.key: setting.default for setting in WEBHOOK_SETTINGS if not setting.required}
    assert WebhookTarget(url="https://example.com", **values) == WebhookTarget(url="https://example.com")
    assert [setting.key for setting in WEBHOOK_SETTINGS if setting.required] == [URL.key]


def test_a_url() -> None:
    assert webhook_url(" https://example.com/x ") == "https://example.com/x"
    with pytest.raises(RefusedValue, match="is never sent"):
        webhook_url("https://example.com/#x")
    with pytest.raises(RefusedValue) as caught:
        webhook_url("https://user:hush@example.com/")
    assert "hush" not in str(caught.value)
