"""What is answered without being read is answered as if it had been; everything else is left alone."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revurb.api.asked_apps import AskedApps
from revurb.api.plain_publishes import MAX_KEYS, PlainPublishes
from revurb.apps import App, AppLimits
from revurb.apps.request_signing import signed_target
from revurb.pusher.triggering import Trigger
from tests.api.both_ways import MAX_BODY_BYTES, NOW, QUERY, BothWays, PublishRecorder, a_publish, completed
from tests.pusher.room import an_app

EVENT = {"name": "e", "channel": "c", "data": "{}"}
BODY = json.dumps(EVENT).encode()
APP = an_app()


@pytest.fixture(scope="module")
def both() -> BothWays:
    return BothWays()


@pytest.mark.parametrize(
    "body",
    [
        BODY,
        b'{"name":"e","channels":["c"],"data":"x"}',
        b' { "data" : "" ,\n"name":"e",\t"channels" : [ "c" ] , "socket_id":"1.1" } \r\n',
        rb'{"name":"App\\Events\\Moved","data":"{\"a\":\"\\\/\\u00e9\\\"\"}","channels":["private-a"]}',
        rb'{"name":"a\/b","data":"\/\\\/\\\\\/\"\b\f\n\r\t","channel":"cache-c"}',
        '{"name":"é","data":"日本 🌍","channel":"ü-日本"}'.encode(),
        b'{"name":"e","data":"%b","channel":"c"}' % (b"x" * 900),
    ],
)
def test_plain_bodies(both: BothWays, body: bytes) -> None:
    assert both.is_plain(completed(a_publish(body), APP))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        BODY[:-1],
        BODY + b"x",
        BODY.replace(b'"c"', b'""'),
        BODY.replace(b'"c"', b'"#server-to-user-1"'),
        BODY.replace(b'"c"', rb'"a\"b"'),
        BODY.replace(b'"e"', b'""'),
        BODY.replace(b'"e"', rb'"\u00e9"'),
        BODY.replace(b'"e"', rb'"\x"'),
        BODY.replace(b'"e"', b'"a\nb"'),
        BODY.replace(b'"e"', b'"a\xff"'),
        BODY.replace(b'"e"', b'"a\xed\xa0\x80"'),
        BODY.replace(b'"e"', b"1"),
        BODY.replace(b'"{}"', b"{}"),
        BODY.replace(b'"name"', b'"Name"'),
        BODY.replace(b'"name"', rb'"n\u0061me"'),
        BODY[:-1] + b',"name":"f"}',
        BODY[:-1] + b',"channels":["d"]}',
        BODY[:-1] + b',"channels":"d"}',
        BODY[:-1] + b',"info":"user_count"}',
        BODY[:-1] + b',"idempotency_key":"k"}',
        BODY[:-1] + b',"socket_id":null}',
        BODY[:-1] + rb',"socket_id":"1\n1"}',
        BODY[:-1] + b',"more":1}',
        BODY[:-1] + b",}",
        b'{"name":"e","data":"","channels":["c","d"]}',
        b'{"name":"e","data":"","channels":[]}',
        b'{"name":"e","data":"%b","channel":"c"}' % (b"x" * MAX_BODY_BYTES),
    ],
)
def test_other_bodies(both: BothWays, body: bytes) -> None:
    assert not both.is_plain(completed(a_publish(body), APP))


@pytest.mark.parametrize(
    "fields",
    [
        b"",
        b"Connection: keep-alive\r\nX-Pusher-Library: pusher-http-php 7.2.7\r\nAccept: */*\r\n",
        b"connection:\tKEEP-Alive \r\nUser-Agent: a\tb\r\nOrigin: https://a.example\r\n",
    ],
)
def test_plain_heads(both: BothWays, fields: bytes) -> None:
    assert both.is_plain(completed(a_publish(BODY, fields=fields), APP))


@pytest.mark.parametrize(
    "fields",
    [
        b"Connection: close\r\n",
        b"Connection: keep-alive, upgrade\r\n",
        b"Expect: 100-continue\r\n",
        b"Upgrade: h2c\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Idempotency-Key: k\r\n",
        b"Content-Length: 5\r\n",
        b"Host: b\r\n",
        b"A\xe9: 1\r\n",
        b"A: \xe9\r\n",
        b"A: 1\r\n 2\r\n",
        b"A: 1\n",
        b"A : 1\r\n",
        b": 1\r\n",
        b"%b: 1\r\n" % (b"N" * 65),
        b"A: %b\r\n" % (b"1" * 2000),
    ],
)
def test_other_heads(both: BothWays, fields: bytes) -> None:
    assert not both.is_plain(completed(a_publish(BODY, fields=fields), APP))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"POST", b"PUT"),
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"Host: 127.0.0.1:8080\r\n", b""),
        (b"127.0.0.1:8080", b"a b"),
        (b"{length}", b"+{length}"),
        (b"{length}", b"0{length}"),
        (b"{length}", b"1"),
        (b"{length}", b""),
        (b"/events", b"/batch_events"),
        (b"/events", b"/events/"),
        (b"/app1/", b"//"),
        (b"/app1/", b"/nobody/"),
        (b"/app1/", b"/app2/"),
        (b"/app1/", b"/app%31/"),
        (b"/apps/", b"//apps/"),
        (b"auth_key=key1", b"auth_key=key2"),
        (b"auth_key=key1&", b""),
        (b"auth_key", b"Auth_Key"),
        (b"=1.0", b"=1.1"),
        (b"1700000000", b"1699999399"),
        (b"1700000000", b"1700000601"),
        (b"1700000000", b"-700000000"),
        (b"1700000000", b"1700000000000"),
        (b"1700000000", b""),
        (b"{md5}", b"0" * 32),
        (b"{md5}", b""),
        (b"{signature}", b"0" * 64),
        (b"{signature}", b"{signature}0"),
        (b"{signature}", b""),
        (b"{signature}", b"{signature}&x=1"),
        (b"{signature}", b"{signature}&"),
        (b"{signature}", b"{signature}#x"),
    ],
)
def test_other_requests(both: BothWays, old: bytes, new: bytes) -> None:
    data = a_publish(BODY)
    assert old in data
    assert not both.is_plain(completed(data.replace(old, new, 1), APP))


def test_each_part_of_a_request_and_what_follows_it(both: BothWays) -> None:
    whole = completed(a_publish(BODY), APP)
    assert not any(both.is_plain(whole[:size]) for size in range(len(whole)))
    assert not both.is_plain(whole + b" ")
    assert not both.is_plain(whole + whole)


@pytest.mark.parametrize("at", range(5))
def test_parameters_in_any_order(both: BothWays, at: int) -> None:
    parts = QUERY.split(b"&")
    turned = b"&".join(parts[at:] + parts[:at])
    assert both.is_plain(completed(a_publish(BODY, query=turned), APP))


def test_what_the_project_itself_signs() -> None:
    both = BothWays(path="/ws")
    for path, is_plain in (("/ws/apps/app1/events", True), ("/apps/app1/events", False)):
        target = signed_target(APP, "POST", path, BODY, NOW)
        head = f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n\r\n"
        assert both.is_plain(head.encode() + BODY) == is_plain


@pytest.mark.parametrize("timestamp", [b"1699999400", b"1700000600", b"001700000000"])
def test_times_that_are_recent(both: BothWays, timestamp: bytes) -> None:
    query = QUERY.replace(b"1700000000", timestamp)
    assert both.is_plain(completed(a_publish(BODY, query=query), APP))


@pytest.mark.parametrize("timestamp", [b"0", b"soon", b""])
def test_without_a_limit_of_age_any_time_will_do(timestamp: bytes) -> None:
    query = QUERY.replace(b"1700000000", timestamp)
    assert BothWays(max_age_s=0).is_plain(completed(a_publish(BODY, query=query), APP))


def test_a_secret_longer_than_a_block(both: BothWays) -> None:
    app2 = an_app(id="app2", key="key2", secret="s" * 70)
    data = a_publish(BODY, path=b"/apps/app2/events", query=QUERY.replace(b"key1", b"key2"))
    assert both.is_plain(completed(data, app2))


@pytest.mark.parametrize(
    "changes",
    [
        {"is_enabled": False},
        {"limits": AppLimits(max_presence_members=1)},
        {"secret": "other"},
        {"key": "k2"},
    ],
)
def test_apps_that_are_for_others_to_judge(changes: dict[str, Any]) -> None:
    assert not BothWays(an_app(**changes)).is_plain(completed(a_publish(BODY), APP))


def test_what_is_signed_with_the_previous_secret_is_read() -> None:
    both = BothWays(an_app(secret="new", previous_secret="secret1"))
    assert not both.is_plain(completed(a_publish(BODY), APP))
    assert both.is_plain(completed(a_publish(BODY), an_app(secret="new")))


class Changing:
    """An app provider whose answer is set."""

    def __init__(self) -> None:
        self.answer: Any = APP

    def find_by_id(self, app_id: str) -> Any:
        return self.answer

    def find_by_key(self, key: str) -> Any:
        return self.answer

    def all(self) -> list[App]:
        return []


def answered(publishes: PlainPublishes, app: App, path: bytes = b"/apps/app1/events") -> bool:
    return publishes.answer(completed(a_publish(BODY, path=path), app)) is not None


@pytest.fixture
def changing() -> Changing:
    return Changing()


@pytest.fixture
def publishes(changing: Changing) -> PlainPublishes:
    return PlainPublishes(
        AskedApps(changing),
        Trigger(PublishRecorder(), 1800),
        path="",
        signature_max_age_s=600,
        max_head_bytes=1000,
        max_body_bytes=1000,
        clock=lambda: NOW,
    )


def test_an_app_that_changes(changing: Changing, publishes: PlainPublishes) -> None:
    assert answered(publishes, APP)
    changing.answer = an_app(secret="new")
    assert not answered(publishes, APP)
    assert answered(publishes, changing.answer)
    changing.answer = None
    assert not answered(publishes, APP)


async def test_an_app_that_has_to_be_waited_for_is_left_for_whoever_reads(
    changing: Changing, publishes: PlainPublishes
) -> None:
    asked = changing.answer = asyncio.get_running_loop().create_future()
    assert not answered(publishes, APP)
    changing.answer = None
    assert publishes._apps.find_by_id("app1") is asked
    assert publishes._apps.find_by_id("app1") is None


@pytest.mark.parametrize(
    "app", [None, an_app(limits=AppLimits(max_presence_members=1)), an_app(secret="new")]
)
def test_no_app_is_asked_for_twice(changing: Changing, publishes: PlainPublishes, app: App | None) -> None:
    """Of a provider that answers at once nothing is kept: it may take a query for each request."""
    changing.answer = app
    assert not answered(publishes, APP)
    changing.answer = APP
    assert publishes._apps.find_by_id("app1") is app
    assert publishes._apps.find_by_id("app1") is APP


def test_an_app_that_is_made_for_each_request_keeps_its_key(
    changing: Changing, publishes: PlainPublishes
) -> None:
    keys = []
    for _ in range(2):
        changing.answer = an_app()
        assert answered(publishes, APP)
        keys.append(publishes._keys["app1"].signing_key)
    assert keys[0] is keys[1]


def test_keys_of_many_apps(changing: Changing, publishes: PlainPublishes) -> None:
    for number in range(MAX_KEYS + 2):
        changing.answer = an_app(id=f"a{number}")
        assert answered(publishes, APP, b"/apps/a%d/events" % number)
    assert len(publishes._keys) == 2


TEXT = st.text(st.characters(codec="utf-8"), max_size=12)


@given(
    st.fixed_dictionaries(
        {"name": TEXT, "data": TEXT, "channels": st.lists(TEXT, min_size=1, max_size=1)},
        optional={"socket_id": st.text("1.\n", max_size=4)},
    ),
    st.booleans(),
    st.booleans(),
)
def test_any_texts(event: dict[str, Any], ensure_ascii: bool, escapes_slashes: bool) -> None:
    body = json.dumps(event, ensure_ascii=ensure_ascii)
    if escapes_slashes:
        body = body.replace("/", r"\/")
    BothWays().is_plain(completed(a_publish(body.encode()), APP))
