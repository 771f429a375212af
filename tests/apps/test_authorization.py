"""What clients are answered that want to join a channel: the same as Pusher's own SDK answers."""

from __future__ import annotations

import json
from typing import Any

import pusher  # type: ignore[import-untyped]
import pytest

from revurb.apps import App

APP = App(id="1", key="278d425bdf160c739803", secret="7ad3773142a6692b25b8")
SDK = pusher.Pusher(app_id=APP.id, key=APP.key, secret=APP.secret)


def test_the_examples_of_the_pusher_docs() -> None:
    """ "Auth signatures": private channel, presence channel, user."""
    assert APP.authorize_channel("1234.1234", "private-foobar") == {
        "auth": "278d425bdf160c739803:58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4"
    }
    answer = APP.authorize_channel(
        "1234.1234", "presence-foobar", user_id=10, user_info={"name": "Mr. Pusher"}
    )
    assert json.loads(answer["channel_data"]) == {"user_id": "10", "user_info": {"name": "Mr. Pusher"}}
    assert APP.authenticate_user("1234.1234", {"id": "12345"}) == {
        "auth": "278d425bdf160c739803:4708d583dada6a56435fb8bc611c77c359a31eebde13337c16ab43aa6de336ba",
        "user_data": '{"id":"12345"}',
    }


def test_the_sdk_answers_the_same() -> None:
    assert APP.authorize_channel("1.2", "private-a") == SDK.authenticate("private-a", "1.2")
    ours = APP.authorize_channel("1.2", "presence-a", user_id="7", user_info={"n": "é"})
    theirs = SDK.authenticate("presence-a", "1.2", {"user_id": "7", "user_info": {"n": "é"}})
    assert json.loads(ours["channel_data"]) == json.loads(theirs["channel_data"])
    signed = f"1.2:presence-a:{ours['channel_data']}"
    assert ours["auth"] == f"{APP.key}:{APP.sign(signed)}"


def test_a_name_that_was_cut_is_signed_as_an_escape() -> None:
    answer = APP.authorize_channel("1.2", "presence-a", user_id="7", user_info={"n": "\u00e9\ud83d"})
    assert answer["channel_data"] == r'{"user_id":"7","user_info":{"n":"\u00e9\ud83d"}}'
    assert answer["auth"] == f"{APP.key}:{APP.sign('1.2:presence-a:' + answer['channel_data'])}"
    assert APP.authenticate_user("1.2", {"id": "\ud83d"})["user_data"] == r'{"id":"\ud83d"}'


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        (("1.2:x", "private-a"), {}, "socket_id: found '1.2:x'"),
        (("1.2\n", "private-a"), {}, "socket_id: found"),
        (("\u0661.2", "private-a"), {}, "socket_id: found"),
        ((12, "private-a"), {}, "socket_id: found 12"),
        (("1.2", "orders"), {}, "only private- and presence- channels"),
        (("1.2", "private-a:b"), {}, "channel: found 'private-a:b'"),
        (("1.2", "private-a\n"), {}, "channel: found"),
        (("1.2", "private-" + "a" * 200), {}, "channel: found"),
        (("1.2", 5), {}, "channel: found 5"),
        (("1.2", "private-encrypted-a"), {}, "an encrypted channel"),
        (("1.2", "private-a"), {"user_id": "7"}, "'private-a' has no members"),
        (("1.2", "presence-a"), {}, "user_id: found None"),
        (("1.2", "presence-a"), {"user_id": ""}, "user_id: found ''"),
        (("1.2", "presence-a"), {"user_id": True}, "user_id: found True"),
        (("1.2", "presence-a"), {"user_id": 1.5}, "user_id: found 1.5"),
        (("1.2", "presence-a"), {"user_id": "7", "user_info": object()}, "user_info: found what JSON"),
        (("1.2", "presence-a"), {"user_id": "7", "user_info": float("nan")}, "user_info: found what JSON"),
    ],
)
def test_what_is_not_signed(arguments: tuple[Any, Any], options: dict[str, Any], error: str) -> None:
    with pytest.raises(ValueError, match=error.replace("(", r"\(")):
        APP.authorize_channel(*arguments, **options)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("1.2::user::{}", {"id": "7"}), "socket_id: found"),
        (("1.2", {}), "user_data.id: found None"),
        (("1.2", {"id": ""}), "user_data.id: found ''"),
        (("1.2", "7"), "user_data: found '7'"),
        (("1.2", {"id": "7", "x": {1}}), "user_data: found what JSON"),
    ],
)
def test_what_is_not_signed_of_a_user(arguments: tuple[Any, Any], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        APP.authenticate_user(*arguments)
