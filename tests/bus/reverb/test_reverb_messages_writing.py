"""Messages as they are written: byte for byte as the captured ones of a PHP node, and none that PHP could not read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revurb.bus.reverb import php_json
from revurb.bus.reverb.metrics_messages import MetricsQuestion, write_question
from revurb.bus.reverb.php_json import UnreadableByPhp, is_readable_by_php
from revurb.bus.reverb.reverb_messages import write_event, write_terminate
from revurb.pusher.messages import client_event_text, event_text, member_added_text, member_removed_text
from revurb.pusher.ports import PublishedEvent
from tests.bus.reverb import php_model
from tests.bus.reverb.arbitrary import TEXTS, VALUES, unhurried
from tests.bus.reverb.php_node import captured
from tests.bus.reverb.wording import sent, without_secret


def event(
    channel: str, name: str, data: str, except_socket_id: str | None = None, app_id: str = "app1"
) -> bytes:
    return sent(
        write_event("n1", PublishedEvent(app_id, "", event_text(name, data, channel), except_socket_id))
    )


def test_events_as_php_sends_them() -> None:
    assert event("pub", "my-event", '{"some":"data"}') == without_secret(captured("02-event-channel-1"))
    for name, except_socket_id in (
        ("04-event-socket-id-1", "443542127.664247713"),
        ("05-event-socket-id-remote-1", "267234942.94536348"),
        ("06-event-socket-id-unknown-1", "1.1"),
    ):
        assert event("pub", "my-event", "1", except_socket_id) == without_secret(captured(name))
    assert event("pub", "e", "1", app_id="app5") == without_secret(captured("11-event-app5-1"))
    assert event("pub", "e", "1", app_id="app3") == without_secret(captured("11b-event-app3-1"))
    assert event("cache-z", "e", '{"v":1}') == without_secret(captured("22-cache-1"))


def test_an_event_for_several_channels_is_one_for_each() -> None:
    """PHP sends one message for all of them; here each channel has an order of its own."""
    data = '{"u":"http://a/b","e":"é€😀"}'
    original = without_secret(captured("03-event-channels-1"))
    for channel in ("pub", "private-x", "nobody"):
        expected = original.replace(b'"pub","private-x","nobody"', b'"%b"' % channel.encode())
        assert event(channel, "App\\Events\\Foo", data) == expected


def test_client_events_as_php_sends_them() -> None:
    text = client_event_text("client-typing", "private-x", b'{"n":1,"o":[]}', None)
    except_socket_id = "443542127.664247713"
    assert sent(write_event("n1", PublishedEvent("app1", "", text, except_socket_id))) == without_secret(
        captured("08-client-event-1")
    )
    text = client_event_text("client-typing", "presence-r", b'{"n":1}', b'"1"')
    assert sent(write_event("n1", PublishedEvent("app1", "", text, except_socket_id))) == without_secret(
        captured("09-client-event-presence-1")
    )


def test_member_events_are_events() -> None:
    """PHP nodes send none; to their clients it is one from the application."""
    added = sent(
        write_event("n1", PublishedEvent("app1", "", member_added_text("presence-r", '{"user_id":"1"}')))
    )
    assert php_model.receive(added)["payload"] == {
        "event": "pusher_internal:member_added",
        "channels": ["presence-r"],
        "data": '{"user_id":"1"}',
    }
    removed = php_model.receive(
        write_event("n1", PublishedEvent("app1", "", member_removed_text("presence-r", b"5")))
    )
    assert removed["payload"]["data"] == '{"user_id":5}'


def test_terminate_as_php_sends_it() -> None:
    assert sent(write_terminate("n1", "app1", "2")) == without_secret(captured("25-terminate-1"))


# What PHP could not read is not sent.


@pytest.mark.parametrize(
    "data",
    [
        b"1e999",
        b"-1e999",
        b"9" * 400,
        b'"\\ud800"',
        b'["\\udc00"]',
        b"[" * 600 + b"]" * 600,
        b'{"a":' * 500 + b"1" + b"}" * 500,
    ],
    ids=["infinite", "below", "long", "half a pair", "other half", "deep", "deep objects"],
)
def test_what_php_cannot_read_is_not_written(data: bytes) -> None:
    assert not is_readable_by_php(data)
    with pytest.raises(UnreadableByPhp):
        write_event("n1", PublishedEvent("app1", "", client_event_text("client-x", "private-x", data, None)))
    with pytest.raises(UnreadableByPhp):
        write_event("n1", PublishedEvent("app1", "", client_event_text("client-x", "presence-x", b"1", data)))


def test_texts_that_are_none_are_not_written() -> None:
    writes: list[Callable[[], bytes]] = [
        lambda: write_event("n1", PublishedEvent("app1", "", event_text("e", "1", "c"), "\ud800")),
        lambda: write_event("n1", PublishedEvent("\ud800", "", event_text("e", "1", "c"))),
        lambda: write_terminate("n1", "app1", "\udfff"),
        lambda: write_question(
            "n1", MetricsQuestion("AAAAAAAAAA", "app1", "CHANNEL_USERS", {}), {"channel": "\ud800"}
        ),
        lambda: write_event("n1", PublishedEvent("app1", "", b"{}")),
        lambda: write_event("n1", PublishedEvent("app1", "", b'{"event":"e","data":5,"channel":"c"}')),
        lambda: write_event("n1", PublishedEvent("app1", "", b'{"event":"e","data":"5"}')),
    ]
    for write in writes:
        with pytest.raises(UnreadableByPhp):
            write()


@unhurried
@given(TEXTS, TEXTS, TEXTS, TEXTS, st.none() | TEXTS)
def test_whatever_is_triggered_php_can_read(
    app_id: str, name: str, data: str, channel: str, except_socket_id: str | None
) -> None:
    if name.startswith("client-"):
        return
    message = php_model.receive(
        write_event("n1", PublishedEvent(app_id, "", event_text(name, data, channel), except_socket_id))
    )
    assert message["application"] == {"id": app_id}
    assert message["payload"] == {"event": name, "channels": [channel], "data": data}
    assert message.get("socket_id") == except_socket_id


@unhurried
@given(TEXTS, TEXTS, VALUES)
def test_whatever_clients_send_php_can_read(name: str, channel: str, data: Any) -> None:
    raw = json.dumps(data).encode()
    try:
        written = write_event(
            "n1", PublishedEvent("app1", "", client_event_text("client-" + name, channel, raw, b'"1"'))
        )
    except UnreadableByPhp:
        assert re.search("Infinity|NaN|[0-9]{300}", raw.decode())
        return
    payload = php_model.receive(written)["payload"]
    assert payload["channel"] == channel
    assert payload["data"] == data


def test_the_limits_are_said_once() -> None:
    assert php_json.MAX_DEPTH + 4 < php_model.JSON_DEPTH
    level = b"[" * php_json.MAX_DEPTH + b"]" * php_json.MAX_DEPTH
    wide = b"[" + b",".join([b"[]"] * 1000) + b"]"
    for data in (level, wide):
        php_model.receive(
            write_event("n1", PublishedEvent("app1", "", client_event_text("client-x", "c", data, None)))
        )
