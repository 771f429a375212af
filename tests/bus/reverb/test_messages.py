"""Messages against the captured ones: read as they were meant, written byte for byte as a PHP node would."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from revurb.bus.alone import Alone
from revurb.bus.cache import EventCache
from revurb.bus.holdings import Holdings
from revurb.bus.reverb import messages
from revurb.bus.reverb.answering import Answers
from revurb.bus.reverb.messages import (
    Answer,
    Garbage,
    Inexpressible,
    Message,
    Metric,
    Terminate,
    expressible,
    new_key,
    read,
    write_answer,
    write_event,
    write_question,
    write_terminate,
)
from revurb.pusher.messages import client_event_text, event_text, member_added_text, member_removed_text
from revurb.pusher.ports import CachedEvent, ChannelState, Member
from tests.bus.reverb import php
from tests.bus.reverb.node import CAPTURES, captured

# Time is no matter here: a loaded machine takes long over anything.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

APPLICATION = re.compile(
    rb'O:26:\\"Laravel\\\\Reverb\\\\Application\\":11:\{s:5:\\"\\u0000\*\\u0000id\\";s:4:\\"(app\d).*?b:1;\}\}'
)


def only_id(app_id: str) -> str:
    """The application, serialized, as it stands in JSON."""
    serialized = f'O:26:"Laravel\\Reverb\\Application":1:{{s:5:"\0*\0id";s:4:"{app_id}";}}'
    return json.dumps(serialized)[1:-1]


def without_secret(data: bytes) -> bytes:
    """A captured message with the application as its id alone."""
    changed, count = APPLICATION.subn(lambda found: only_id(found[1].decode()).encode(), data)
    assert count == 1
    assert b"secret" not in changed
    return changed


def sent(data: bytes) -> bytes:
    """What was written, checked as PHP does, without our mark."""
    php.receive(data)
    before, found, mark = data.rpartition(b',"origin":')
    assert found
    assert mark == b'"revurb:n1"}'
    return before + b"}"


def event(channel: str, name: str, data: str, but: str | None = None, app_id: str = "app1") -> bytes:
    return sent(write_event("n1", app_id, event_text(name, data, channel), but))


# Out.


def test_events_as_php_sends_them() -> None:
    assert event("pub", "my-event", '{"some":"data"}') == without_secret(captured("02-event-channel-1"))
    for name, but in (
        ("04-event-socket-id-1", "443542127.664247713"),
        ("05-event-socket-id-remote-1", "267234942.94536348"),
        ("06-event-socket-id-unknown-1", "1.1"),
    ):
        assert event("pub", "my-event", "1", but) == without_secret(captured(name))
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
    but = "443542127.664247713"
    assert sent(write_event("n1", "app1", text, but)) == without_secret(captured("08-client-event-1"))
    text = client_event_text("client-typing", "presence-r", b'{"n":1}', b'"1"')
    assert sent(write_event("n1", "app1", text, but)) == without_secret(
        captured("09-client-event-presence-1")
    )


def test_member_events_are_events() -> None:
    """PHP nodes send none; to their clients it is one from the application."""
    added = sent(write_event("n1", "app1", member_added_text("presence-r", '{"user_id":"1"}'), None))
    assert php.receive(added)["payload"] == {
        "event": "pusher_internal:member_added",
        "channels": ["presence-r"],
        "data": '{"user_id":"1"}',
    }
    removed = php.receive(write_event("n1", "app1", member_removed_text("presence-r", b"5"), None))
    assert removed["payload"]["data"] == '{"user_id":5}'


def test_terminate_as_php_sends_it() -> None:
    assert sent(write_terminate("n1", "app1", "2")) == without_secret(captured("25-terminate-1"))


QUESTIONS: list[tuple[str, str, dict[str, Any]]] = [
    ("12-metrics-connections-1", "CONNECTIONS", {}),
    ("13-metrics-channel-1", "CHANNEL", {"channel": "pub", "info": "subscription_count,occupied"}),
    ("14-metrics-channel-presence-1", "CHANNEL", {"channel": "presence-r", "info": "user_count,occupied"}),
    (
        "15-metrics-channel-unoccupied-1",
        "CHANNEL",
        {"channel": "nobody", "info": "subscription_count,occupied"},
    ),
    ("16-metrics-channels-1", "CHANNELS", {"filter": None, "info": None}),
    ("17-metrics-channels-filter-1", "CHANNELS", {"filter": "presence-", "info": "user_count"}),
    (
        "18-metrics-channels-list-2",
        "CHANNELS",
        {"info": "subscription_count,user_count", "channels": ["pub", "presence-r", "nobody"]},
    ),
    ("19-metrics-batch-info-2", "CHANNEL", {"channel": "pub", "info": "subscription_count"}),
    ("20-metrics-channel-users-1", "CHANNEL_USERS", {"channel": "presence-r"}),
    ("22-cache-2", "CHANNEL", {"channel": "cache-z", "info": "subscription_count,cache,occupied"}),
    ("23-metrics-connections-empty-1", "CONNECTIONS", {}),
    ("24-metrics-channels-empty-1", "CHANNELS", {"filter": None, "info": None}),
]


@pytest.mark.parametrize(("name", "kind", "options"), QUESTIONS, ids=[name for name, _, _ in QUESTIONS])
def test_questions_as_php_asks_them(name: str, kind: str, options: dict[str, Any]) -> None:
    asked = read(captured(name))
    assert isinstance(asked, Metric)
    assert (asked.app_id, asked.kind) == ("app1", kind)
    listed = {key: dict(enumerate(each)) if isinstance(each, list) else each for key, each in options.items()}
    assert asked.options == listed
    assert list(asked.options) == list(options)
    assert sent(write_question("n1", asked, options)) == without_secret(captured(name))


def test_keys_are_like_phps() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(re.fullmatch("[A-Za-z0-9]{10}", key) for key in keys)


class _Here:
    """What the captured nodes held."""

    def __init__(self, **channels: ChannelState) -> None:
        self._channels = {name.replace("_", "-"): state for name, state in channels.items()}

    def channels(self, app_id: str, prefix: str) -> dict[str, ChannelState]:
        return {
            name: state
            for name, state in self._channels.items()
            if name.startswith(prefix) and state.subscription_count
        }

    def describe(self, app_id: str, channels: Any) -> list[ChannelState]:
        return [self._channels.get(name, ChannelState()) for name in channels]

    def members(self, app_id: str, channel: str) -> list[Member]:
        return [Member("2", b'"2"', b"null")] if channel == "presence-r" else []

    def connections(self, app_id: str) -> int:
        return 0


CACHED = CachedEvent(event_text("e", '{"v":1}', "cache-z"), 5.0)
BOTH = _Here(pub=ChannelState(1), private_x=ChannelState(1), presence_r=ChannelState(1, 1))


@pytest.mark.parametrize(
    ("question", "answer", "here"),
    [
        ("13-metrics-channel-1", "13-metrics-channel-2", BOTH),
        ("14-metrics-channel-presence-1", "14-metrics-channel-presence-2", BOTH),
        ("15-metrics-channel-unoccupied-1", "15-metrics-channel-unoccupied-2", BOTH),
        ("16-metrics-channels-1", "16-metrics-channels-2", BOTH),
        ("17-metrics-channels-filter-1", "17-metrics-channels-filter-2", BOTH),
        ("18-metrics-channels-list-2", "18-metrics-channels-list-3", BOTH),
        ("19-metrics-batch-info-2", "19-metrics-batch-info-3", BOTH),
        ("20-metrics-channel-users-1", "20-metrics-channel-users-2", BOTH),
        ("22-cache-2", "22-cache-3", _Here(cache_z=ChannelState(1, 0, CACHED))),
        ("22-cache-2", "22-cache-4", _Here()),
        ("23-metrics-connections-empty-1", "23-metrics-connections-empty-2", _Here()),
        ("24-metrics-channels-empty-1", "24-metrics-channels-empty-2", _Here()),
    ],
)
def test_answers_as_php_gives_them(question: str, answer: str, here: _Here) -> None:
    asked = read(captured(question))
    assert isinstance(asked, Metric)
    assert write_answer(asked.key, Answers(here).to(asked)) == captured(answer)


def test_connections_are_counted_by_their_keys() -> None:
    holdings = Holdings()
    for _ in range(3):
        holdings.connect("app1")
    asked = read(captured("12-metrics-connections-1"))
    assert isinstance(asked, Metric)
    answer = json.loads(Answers(Alone(holdings, EventCache(lambda: 0.0))).to(asked))
    assert len(answer) == 3
    for socket_id, nothing in answer.items():
        assert re.fullmatch(r"\d+\.\d+", socket_id)
        assert nothing == {}


# In.


@pytest.mark.parametrize("path", sorted(CAPTURES.iterdir()), ids=lambda path: path.stem)
def test_every_capture_is_understood(path: Any) -> None:
    heard = read(path.read_bytes())
    kind = json.loads(path.read_bytes())["type"]
    expected = {"message": Message, "terminate": Terminate, "metrics": Metric}.get(kind, Answer)
    assert type(heard) is expected


def test_events_arrive_as_php_clients_get_them() -> None:
    assert read(captured("02-event-channel-1")) == Message(
        "app1", (("pub", rb'{"event":"my-event","data":"{\"some\":\"data\"}","channel":"pub"}'),), None, True
    )
    several = read(captured("03-event-channels-1"))
    assert isinstance(several, Message)
    assert [channel for channel, _ in several.events] == ["pub", "private-x", "nobody"]
    assert json.loads(several.events[1][1]) == {
        "event": "App\\Events\\Foo",
        "channel": "private-x",
        "data": '{"u":"http://a/b","e":"é€😀"}',
    }
    client = read(captured("09-client-event-presence-1"))
    assert isinstance(client, Message)
    assert client.except_socket_id == "443542127.664247713"
    assert not client.triggered
    assert json.loads(client.events[0][1]) == {
        "event": "client-typing",
        "channel": "presence-r",
        "data": {"n": 1},
        "user_id": "1",
    }


def test_what_a_client_made_up_is_left_out() -> None:
    forged = read(captured("10-client-event-all-1"))
    assert isinstance(forged, Message)
    assert json.loads(forged.events[0][1]) == {
        "event": "client-typing",
        "channel": "private-x",
        "data": {"n": 1},
    }


def test_what_revurb_nodes_say_is_not_for_revurb_nodes() -> None:
    metric = Metric("AAAAAAAAAA", "app1", "CONNECTIONS", {})
    for data in (
        write_event("n2", "app1", event_text("e", "1", "c"), None),
        write_terminate("n2", "app1", "1"),
        write_question("n2", metric, {}),
    ):
        assert read(data) is None


APP = only_id("app1")


def of_app(type: str, payload: str) -> str:
    return f'{{"type":"{type}","application":"{APP}","payload":{payload}}}'


GARBAGE = {
    "nothing": "",
    "text": "hello",
    "a string": '"hello"',
    "a number": "5",
    "null": "null",
    "an object": "{}",
    "a list": "[]",
    "a type that is none": '{"type":5}',
    "no application": '{"type":"message","payload":{"event":"e","channels":["pub"],"data":"1"}}',
    "an id": '{"type":"message","application":"app1","payload":{"event":"e","channels":["c"],"data":"1"}}',
    "an application of JSON": '{"type":"message","application":{"id":"app1"},"payload":{"event":"e"}}',
    "a question": '{"type":"message","application":"N;","payload":{"event":"e"}}',
    "no payload": f'{{"type":"message","application":"{APP}"}}',
    "a payload of text": of_app("message", '"x"'),
    "no event": of_app("message", '{"channels":["c"],"data":"1"}'),
    "channels of numbers": of_app("message", '{"event":"e","channels":[1]}'),
    "an endless number": of_app("message", '{"event":"e","channel":"c","data":1e999}'),
    "an open string": of_app("message", '{"event":"e","channel":"c","data":"\\ud800"}'),
    "nobody to end": of_app("terminate", "{}"),
    "no payload to end": f'{{"type":"terminate","application":"{APP}"}}',
    "many to end": of_app("terminate", '{"user_id":["1"]}'),
    "a garbage question": '{"type":"metrics","payload":"garbage"}',
    "no question": '{"type":"metrics"}',
    "a question of JSON": '{"type":"metrics","payload":{"key":"AAAAAAAAAA"}}',
    "an application as a question": f'{{"type":"metrics","payload":"{APP}"}}',
    "deep": "[" * 100_000,
    "deep within": '{"type":"message","payload":' + '{"a":' * 100_000,
    "deep and whole": '{"type":"terminate","payload":' + "[" * 5000 + "]" * 5000 + "}",
}


@pytest.mark.parametrize("text", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_refused(text: str) -> None:
    with pytest.raises(Garbage):
        read(text.encode())


def test_what_is_no_text_is_refused() -> None:
    data = captured("02-event-channel-1")
    for at in range(0, len(data), 7):
        with pytest.raises(Garbage):
            read(data[:at] + b"\xff" + data[at:])


@pytest.mark.parametrize("key", ["message", "metrics", "terminate", "", "a/b", "short", "x" * 65])
def test_an_answer_can_never_be_taken_for_something_else(key: str) -> None:
    """An answer of type "message" would end every PHP node."""
    data = captured("12-metrics-connections-1").replace(
        rb"s:10:\"SJ1PiFU2w2\"", rb"s:%d:\"%b\"" % (len(key), json.dumps(key)[1:-1].encode())
    )
    with pytest.raises(Garbage):
        read(data)


@unhurried
@given(st.binary(max_size=300))
def test_noise_is_refused(data: bytes) -> None:
    with pytest.raises(Garbage):
        read(data)


@unhurried
@given(st.sampled_from(sorted(CAPTURES.iterdir())), st.integers(0), st.binary(max_size=3), st.integers(0, 5))
def test_damage_never_raises_anything_else(path: Any, at: int, put: bytes, away: int) -> None:
    data = path.read_bytes()
    at %= len(data)
    with contextlib.suppress(Garbage):
        read(data[:at] + put + data[at + away :])


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
    assert not expressible(data)
    with pytest.raises(Inexpressible):
        write_event("n1", "app1", client_event_text("client-x", "private-x", data, None), None)
    with pytest.raises(Inexpressible):
        write_event("n1", "app1", client_event_text("client-x", "presence-x", b"1", data), None)


def test_texts_that_are_none_are_not_written() -> None:
    writes: list[Callable[[], bytes]] = [
        lambda: write_event("n1", "app1", event_text("e", "1", "c"), "\ud800"),
        lambda: write_event("n1", "\ud800", event_text("e", "1", "c"), None),
        lambda: write_terminate("n1", "app1", "\udfff"),
        lambda: write_question(
            "n1", Metric("AAAAAAAAAA", "app1", "CHANNEL_USERS", {}), {"channel": "\ud800"}
        ),
        lambda: write_event("n1", "app1", b"{}", None),
        lambda: write_event("n1", "app1", b'{"event":"e","data":5,"channel":"c"}', None),
        lambda: write_event("n1", "app1", b'{"event":"e","data":"5"}', None),
    ]
    for write in writes:
        with pytest.raises(Inexpressible):
            write()


TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@unhurried
@given(TEXTS, TEXTS, TEXTS, TEXTS, st.none() | TEXTS)
def test_whatever_is_triggered_php_can_read(
    app_id: str, name: str, data: str, channel: str, but: str | None
) -> None:
    if name.startswith("client-"):
        return
    message = php.receive(write_event("n1", app_id, event_text(name, data, channel), but))
    assert message["application"] == {"id": app_id}
    assert message["payload"] == {"event": name, "channels": [channel], "data": data}
    assert message.get("socket_id") == but


@unhurried
@given(TEXTS, TEXTS, VALUES)
def test_whatever_clients_send_php_can_read(name: str, channel: str, data: Any) -> None:
    raw = json.dumps(data).encode()
    try:
        written = write_event("n1", "app1", client_event_text("client-" + name, channel, raw, b'"1"'), None)
    except Inexpressible:
        assert re.search("Infinity|NaN|[0-9]{300}", raw.decode())
        return
    payload = php.receive(written)["payload"]
    assert payload["channel"] == channel
    assert payload["data"] == data


def test_the_limits_are_said_once() -> None:
    assert messages.MAX_DEPTH + 4 < php.JSON_DEPTH
    level = b"[" * messages.MAX_DEPTH + b"]" * messages.MAX_DEPTH
    wide = b"[" + b",".join([b"[]"] * 1000) + b"]"
    for data in (level, wide):
        php.receive(write_event("n1", "app1", client_event_text("client-x", "c", data, None), None))
