"""The captured signatures are understood: each can be made again, and is made only where it must be."""

from __future__ import annotations

import json

import pytest

from tests.golden import capture
from tests.golden.signing import request_signature, resigned_message, resigned_request
from tests.golden.spelling import request_bytes
from tests.golden.stage import APPS

APP = APPS["app1"]
SOCKET_ID = "1234.1234"


def subscription(auth: str) -> str:
    return json.dumps({"event": "pusher:subscribe", "data": {"channel": "private-a", "auth": auth}})


def test_what_was_rightly_signed_is_signed_for_the_live_socket() -> None:
    captured = subscription(f"key1:{APP.sign('1.1:private-a')}")
    assert resigned_message(captured, APP, "1.1", SOCKET_ID) == subscription(
        f"key1:{APP.sign(f'{SOCKET_ID}:private-a')}"
    )


@pytest.mark.parametrize("auth", ["", "nokey", f"key1:{'0' * 64}", "x:y", f"key1:{'ab' * 32}"])
def test_what_was_wrong_stays_as_it_was(auth: str) -> None:
    captured = subscription(auth)
    assert resigned_message(captured, APP, "1.1", SOCKET_ID) == captured


@pytest.mark.parametrize(
    "text", ["", "not json", "[]", '{"event":"e","data":{"channel":"c","auth":5}}', "{}"]
)
def test_what_is_not_signed_is_not_touched(text: str) -> None:
    assert resigned_message(text, APP, "1.1", SOCKET_ID) == text


def test_every_signature_of_a_visible_connection_is_right_or_meant_to_be_wrong() -> None:
    wrong = 0
    for name in capture.NAMES:
        for exchange in capture.load(name):
            if '"auth":"key' in exchange.text and exchange.captured_id is not None:
                again = resigned_message(exchange.text, exchange.app, exchange.captured_id, SOCKET_ID)
                wrong += again == exchange.text
    assert wrong == 1  # the 64 zeros of 02a-public-private


def test_a_request_without_socket_ids_is_sent_as_captured() -> None:
    raw = b"POST /apps/app1/events?auth_key=key1 HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"
    assert resigned_request(raw, APP, {"1.1": SOCKET_ID}) is raw


def test_a_request_with_a_socket_id_is_signed_as_the_capture_was() -> None:
    (exchange,) = (each for each in capture.load("01-success-routes") if each.step == 4)
    captured_id = "90993390.687994709"
    raw = request_bytes(exchange.text)
    there = resigned_request(raw, APP, {captured_id: SOCKET_ID})
    assert SOCKET_ID.encode() in there
    assert there != raw
    assert resigned_request(there, APP, {SOCKET_ID: captured_id}) == raw


def test_the_signature_of_the_pusher_documentation() -> None:
    app = type(APP)(id="3", key="278d425bdf160c739803", secret="7ad3773142a6692b25b8")
    parameters = {
        "auth_key": app.key,
        "auth_timestamp": "1353088179",
        "auth_version": "1.0",
        "body_md5": "ec365a775a4cd0599faeb73354201b6f",
    }
    assert (
        request_signature(app, "POST", "/apps/3/events", parameters)
        == "da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c"
    )
