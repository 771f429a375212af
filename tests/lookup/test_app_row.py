"""Rows of a table of apps: soketi's columns and our own."""

from __future__ import annotations

from typing import Any

import pytest

from revurb.apps import App, AppLimits, HistoryRule, WebhookTarget
from revurb.lookup.app_row import AppRowError, app_of_row

ROW: dict[str, Any] = {"id": "1", "key": "k", "secret": "hush-hush"}
UNLIMITED = dict.fromkeys(
    ("max_connections", "max_backend_events_per_sec", "max_client_events_per_sec", "max_read_req_per_sec"), -1
)


def test_the_three_columns_that_an_app_needs() -> None:
    assert app_of_row(ROW) == app_of_row({**ROW, **UNLIMITED}) == App(**ROW)


def test_all_that_soketi_has() -> None:
    row = {
        **ROW,
        "max_connections": 100,
        "enabled": 0,
        "enable_client_messages": 1,
        "max_client_events_per_sec": 5,
        "max_presence_members_per_channel": 50,
        "max_presence_member_size_in_kb": 2.5,
        "max_channel_name_length": 100,
        "max_event_channels_at_once": 20,
        "max_event_name_length": 90,
        "max_event_payload_in_kb": 30,
        "max_event_batch_size": 6,
        "enable_user_authentication": 1,
        "webhooks": [
            {
                "url": "https://a.example",
                "event_types": ["member_added", "made_up"],
                "headers": {"X-Token": "t"},
                "filter": {"channel_name_starts_with": "presence-", "channel_name_ends_with": "-eu"},
            },
            {"lambda_function": "f"},
        ],
        "made_up": 1,
    }
    limits = AppLimits(
        max_client_events_per_second=5, max_presence_members=50, max_user_info_bytes=2560,
        max_channel_name_length=100, max_event_name_length=90, max_event_data_bytes=30 * 1024, max_events_per_batch=6,
    )  # fmt: skip
    target = WebhookTarget(
        url="https://a.example",
        events=("member_added",),
        headers={"X-Token": "t"},
        channels=("presence-*-eu",),
    )
    expected = App(
        **ROW, is_enabled=False, max_connections=100, max_channels_per_event=20, user_authentication_timeout_s=30,
        limits=limits, webhooks=(target,),
    )  # fmt: skip
    assert app_of_row(row) == expected


def test_history_is_an_option() -> None:
    options = '{"history": [{"channels": ["room-*"], "size": 5}], "max_history_size_bytes": 1000}'
    app = app_of_row({**ROW, "options": options})
    assert app.history == (HistoryRule(channels=("room-*",), size=5),)
    assert app.max_history_size_bytes == 1000


def test_options_win_and_null_is_nothing() -> None:
    row = {**ROW, "max_connections": 5, "options": '{"max_connections": 7, "ping_interval_s": null}'}
    assert app_of_row(row) == App(**ROW, max_connections=7)
    assert app_of_row({**ROW, "options": None, "webhooks": "", "previous_secret": ""}) == App(**ROW)


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"options": "{"}, "options: no JSON"),
        ({"options": "[]"}, "options: found no object"),
        ({"options": '{"secret": "x"}'}, "options: found 'secret'; allowed: accept_client"),
        ({"options": '{"ping_interval_s": 0}'}, "App.ping_interval_s: found 0"),
        ({"options": '{"ping_interval_s": "x"}'}, "ping_interval_s"),
        ({"max_connections": "x"}, "max_connections: found 'x'; allowed: a number of 1 or more, or -1"),
        ({"max_connections": 0}, "max_connections: found 0; allowed: a number of 1 or more, or -1"),
        ({"max_client_events_per_sec": float("inf")}, "max_client_events_per_sec: found inf"),
        ({"max_event_batch_size": float("nan")}, "max_event_batch_size: found nan"),
        ({"enabled": "perhaps"}, "enabled: found 'perhaps'; allowed: 0 or 1"),
        ({"webhooks": '[{"url": "https://h", "event_types": "member_added"}]'}, "event_types: found no list"),
        (
            {"webhooks": '[{"url": "https://h", "event_types": ["member_added"], "filter": "x"}]'},
            "filter: found no object",
        ),
        ({"webhooks": "[" * 100_000}, "recursion"),
        ({"secret": None}, "secret: found NULL; allowed: a text"),
        ({"key": None}, "key: found NULL; allowed: a text"),
        ({"secret": 1.5}, "secret: found float; allowed: a text"),
        ({"secret": b"hush\xff"}, "secret: found bytes that are no UTF-8; allowed: a text"),
        ({"webhooks": '[{"url": "ftp://h", "event_types": ["member_added"]}]'}, "WebhookTarget.url"),
        ({"webhooks": '["x"]'}, "webhooks: "),
        ({"key": "a b"}, "App.key: found 'a b'"),
        ({"secret": " "}, "App.secret"),
    ],
)
def test_a_row_that_is_no_app(columns: dict[str, Any], problem: str) -> None:
    with pytest.raises(AppRowError) as caught:
        app_of_row({**ROW, **columns})
    assert str(caught.value).startswith("the row of app '1': ")
    assert problem in str(caught.value)
    assert "hush" not in str(caught.value)


def test_texts_and_flags_of_other_types() -> None:
    as_bytes = {name: value.encode() for name, value in ROW.items()}
    assert app_of_row({**as_bytes, "previous_secret": b"old"}) == App(**ROW, previous_secret="old")
    assert app_of_row({**ROW, "id": 1}) == App(**ROW)
    for off in (0, False, None, b"\0", b"0", "0", "f", "False", "no"):
        assert not app_of_row({**ROW, "enabled": off}).is_enabled, off
    for on in (1, True, b"\1", b"1", "1", "t", "TRUE", "yes"):
        assert app_of_row({**ROW, "enabled": on}).is_enabled, on


def test_a_webhook_of_event_types_that_are_unknown_gets_nothing() -> None:
    for types in (["made_up"], [], None):
        row = {**ROW, "webhooks": [{"url": "https://a.example", "event_types": types}]}
        assert app_of_row(row) == App(**ROW)


def test_a_table_without_a_secret() -> None:
    with pytest.raises(AppRowError, match="the table of apps has no column 'secret'"):
        app_of_row({"id": "1", "key": "k"})
