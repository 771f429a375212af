"""What the fields of an app may be: the same as its options in the configuration."""

from __future__ import annotations

from typing import Any

import pytest

from revurb.apps import App, AppLimits, RateLimit
from revurb.config.app_options import APP_SETTINGS, RATE_LIMIT_ENABLED
from revurb.config.option import Setting

WHOLE: dict[str, Any] = {"id": "1", "key": "k", "secret": "hush"}
FIELDS = [setting for setting in APP_SETTINGS if setting.key != RATE_LIMIT_ENABLED]
CANDIDATES: list[Any] = [
    "a", "", " ", "a b", "a/b", "members", "none", "5", 0, 1, -1, 5, 2.0, True, None, b"a", (), ("a.com",),
    ("https://a.com",), ("a.com", 5), "a.com", ..., "\udcff", ("\udcff",),
]  # fmt: skip


OWNERS = {"": App, "rate_limit": RateLimit, "limits": AppLimits}


def made(setting: Setting, value: Any) -> object:
    table, _, name = setting.attribute.rpartition(".")
    return OWNERS[table](**{**({} if table else WHOLE), name: value})


def is_allowed(setting: Setting, value: Any) -> bool:
    """What the declaration of the option says of a value that has a type; () is an app that no page may use."""
    if value == () and setting.kind == "list":
        return True
    try:
        setting.read_native(value)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("setting", FIELDS, ids=lambda setting: setting.key)
@pytest.mark.parametrize("value", CANDIDATES, ids=repr)
def test_a_field_takes_what_its_option_takes(setting: Setting, value: Any) -> None:
    table, _, name = setting.attribute.rpartition(".")
    owner = OWNERS[table].__name__
    if is_allowed(setting, value):
        made(setting, value)
        return
    with pytest.raises((TypeError, ValueError), match=rf"^{owner}\.{name}: .*; allowed: ") as caught:
        made(setting, value)
    if name == "secret":
        assert str(value) not in str(caught.value) or str(value).strip() in ("", "None")


@pytest.mark.parametrize(
    ("fields", "error", "text"),
    [
        ({"id": 7}, TypeError, 'App.id: found 7; allowed: a text without spaces and / ? # % :, such as "7"'),
        ({"secret": b"hush"}, TypeError, "App.secret: found bytes; allowed: a text"),
        ({"max_connections": 0}, ValueError,
         "App.max_connections: found 0; allowed: an integer of 1 or more, or None"),
        ({"allowed_origins": "a.com"}, TypeError,
         "App.allowed_origins: found 'a.com'; allowed: host names of pages, such as (\"example.com\", "
         '"*.example.org")'),
        ({"accept_client_events_from": "al"}, ValueError,
         "App.accept_client_events_from: found 'al'; allowed: 'members', 'all', 'none'"),
        ({"rate_limit": 60}, TypeError,
         "App.rate_limit: found 60; allowed: a RateLimit, such as RateLimit(max_attempts=60, decay_s=60), or None"),
    ],
)  # fmt: skip
def test_an_error_says_field_value_and_what_is_allowed(
    fields: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as caught:
        App(**{**WHOLE, **fields})
    assert str(caught.value) == text


def test_a_list_of_origins_becomes_a_tuple() -> None:
    app = App(**{**WHOLE, "allowed_origins": ["a.com", "*.b.com"]})
    assert app.allowed_origins == ("a.com", "*.b.com")
