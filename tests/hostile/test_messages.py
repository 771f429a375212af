"""Messages that make no sense, one by one: each is told so, and the connection goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.client import BINARY, TEXT, Client, Frame, connect
from tests.hostile.conftest import APP, OTHER
from tests.hostile.values import NOT_UTF8, VALUES, almost, prefixes, without

SUBSCRIBE = '{"event":"pusher:subscribe","data":{"channel":"chat"}}'
ZEROS = "0" * 64


def wrong_fields() -> Iterator[tuple[str, str]]:
    """Each value in each place where it is wrong."""
    for name, value in VALUES.items():
        yield f"message-{name}", value
        yield f"event-{name}", f'{{"event":{value}}}'
        yield f"client-event-channel-{name}", f'{{"event":"client-x","channel":{value},"data":{{}}}}'
        yield f"unknown-event-channel-{name}", f'{{"event":"pusher:what","channel":{value}}}'
        yield f"auth-{name}", _subscribe(f'"channel":"private-a","auth":{value}')
        yield (
            f"channel-data-{name}",
            _subscribe(f'"channel":"presence-a","auth":"a:b","channel_data":{value}'),
        )
        yield f"subscribe-data-{name}", f'{{"event":"pusher:subscribe","data":{value}}}'
        yield f"sign-in-data-{name}", f'{{"event":"pusher:signin","data":{value}}}'
        yield (
            f"user-data-{name}",
            f'{{"event":"pusher:signin","data":{{"auth":"app-key:0","user_data":{value}}}}}',
        )
        yield (
            f"sign-in-auth-{name}",
            f'{{"event":"pusher:signin","data":{{"auth":{value},"user_data":"{{}}"}}}}',
        )
        yield f"unsubscribe-data-{name}", f'{{"event":"pusher:unsubscribe","data":{value}}}'
    for name, value in without("text", "nul", "lone-surrogate").items():
        yield f"channel-{name}", _subscribe(f'"channel":{value}')


def _subscribe(fields: str) -> str:
    return f'{{"event":"pusher:subscribe","data":{{{fields}}}}}'


def odd_messages() -> Iterator[tuple[str, str]]:
    yield "empty", ""
    yield "spaces", "   "
    yield "reserved-event", '{"event":"pusher:connection_established","data":{}}'
    yield "internal-event-without-channel", '{"event":"pusher_internal:member_added"}'
    yield "only-prefix", '{"event":"pusher:"}'
    yield "signin-that-is-not-supported", '{"event":"pusher:nonsense","data":{"auth":"a:b","user_data":"{}"}}'
    yield "name-of-1025-bytes", _subscribe(f'"channel":"{"a" * 1025}"')
    yield "name-of-1026-bytes-in-2-byte-letters", _subscribe(f'"channel":"{"é" * 513}"')
    yield "server-to-user", _subscribe('"channel":"#server-to-user-1"')
    yield "online", _subscribe('"channel":"#online-1"')
    yield "whisper-to-a-stranger", '{"event":"client-x","channel":"private-elsewhere","data":{}}'
    yield "data-is-a-text-of-nonsense", '{"event":"pusher:subscribe","data":"{channel:1}"}'


def wrong_signatures() -> Iterator[tuple[str, str]]:
    """`{…}` in them is filled in with what only the live socket id makes."""
    yield "none", ""
    yield "colon", ":"
    yield "key-only", "app-key"
    yield "key-and-colon", "app-key:"
    yield "zeros", f"app-key:{ZEROS}"
    yield "signature-only", "{right}"
    yield "other-key", "other-key:{right}"
    yield "key-in-capitals", "APP-KEY:{right}"
    yield "signed-by-the-other-app", "app-key:{other_app}"
    yield "both-of-the-other-app", "other-key:{other_app}"
    yield "of-another-channel", "app-key:{other_channel}"
    yield "of-another-socket", "app-key:{other_socket}"
    yield "in-capitals", "app-key:{capitals}"
    yield "cut", "app-key:{cut}"
    yield "longer", "app-key:{right}0"
    yield "space-before", " app-key:{right}"
    yield "space-behind", "app-key:{right} "
    yield "two-colons", "app-key::{right}"
    yield "not-ascii", "app-key:é" + ZEROS
    yield "surrogate", "app-key:\udc80"


def named(cases: Iterator[tuple[str, object]]) -> list[object]:
    return [pytest.param(value, id=name) for name, value in cases]


async def _answer(client: Client, payload: bytes, opcode: int = TEXT) -> int:
    """Send it; the code of the pusher:error that must be the answer, alone or with a subscription_error."""
    await client.send_frame(opcode, payload)
    first, *others = await client.flushed()
    error = first.message
    assert error["event"] == "pusher:error", error
    assert all(_is_subscription_error(frame) for frame in others), others
    data = error["data"]
    assert data["message"], data
    return int(data["code"])


def _is_subscription_error(frame: Frame) -> bool:
    return bool(frame.message["event"] == "pusher:subscription_error")


@pytest.mark.parametrize("text", named((name, text) for name, text in [*wrong_fields(), *odd_messages()]))
async def test_wrong_message(text: str, port: int) -> None:
    async with connect(port, APP.key) as client:
        assert await _answer(client, text.encode()) in (4009, 4200)


@pytest.mark.parametrize(
    "payload", named((name, raw) for name, raw in [*prefixes(SUBSCRIBE), *almost(SUBSCRIBE)])
)
async def test_not_json(payload: bytes, port: int) -> None:
    async with connect(port, APP.key) as client:
        try:
            payload.decode()
        except UnicodeDecodeError:
            assert await _answer(client, payload, BINARY) == 4200
        else:
            assert await _answer(client, payload) == 4200


@pytest.mark.parametrize("raw", named((name, raw) for name, raw in NOT_UTF8.items()))
async def test_not_utf8_in_a_binary_message(raw: bytes, port: int) -> None:
    async with connect(port, APP.key) as client:
        message = SUBSCRIBE.encode().replace(b"chat", raw)
        assert await _answer(client, message, BINARY) == 4200


@pytest.mark.parametrize("auth", named((name, auth) for name, auth in wrong_signatures()))
@pytest.mark.parametrize("channel", ["private-a", "private-encrypted-a", "presence-a"])
async def test_wrong_signature(channel: str, auth: str, port: int) -> None:
    async with connect(port, APP.key) as client:
        user = '{"user_id":"1"}' if channel.startswith("presence-") else None
        behind = "" if user is None else f":{user}"
        signed = f"{client.socket_id}:{channel}{behind}"
        right = APP.sign(signed)
        filled = auth.format(
            right=right,
            other_app=OTHER.sign(signed),
            other_channel=APP.sign(f"{client.socket_id}:{channel}b{behind}"),
            other_socket=APP.sign(f"1.1:{channel}{behind}"),
            capitals=right.upper(),
            cut=right[:-1],
        )
        data = {"channel": channel, "auth": filled, "channel_data": user}
        message = json.dumps({"event": "pusher:subscribe", "data": {k: v for k, v in data.items() if v}})
        assert await _answer(client, message.encode()) in (4009, 4200)


@pytest.mark.parametrize("auth", named((name, auth) for name, auth in wrong_signatures()))
async def test_wrong_signature_of_a_user(auth: str, port: int) -> None:
    async with connect(port, APP.key) as client:
        user_data = '{"id":"1"}'
        signed = f"{client.socket_id}::user::{user_data}"
        right = APP.sign(signed)
        filled = auth.format(
            right=right,
            other_app=OTHER.sign(signed),
            other_channel=APP.sign(f"{client.socket_id}:presence-a:{user_data}"),
            other_socket=APP.sign(f"1.1::user::{user_data}"),
            capitals=right.upper(),
            cut=right[:-1],
        )
        data = {"auth": filled, "user_data": user_data}
        message = json.dumps({"event": "pusher:signin", "data": data})
        assert await _answer(client, message.encode()) in (4009, 4200)
        await client.subscribe("news")


@pytest.mark.parametrize("value", named((name, value) for name, value in VALUES.items()))
async def test_signed_nonsense_makes_nobody_a_user(value: str, port: int) -> None:
    """An application that signs whatever it is given."""
    async with connect(port, APP.key) as client:
        for user_data in (
            value,
            f'{{"id":{value},"watchlist":["1"]}}',
            f'{{"id":"1","watchlist":[{value}]}}',
        ):
            auth = f"{APP.key}:{APP.sign(f'{client.socket_id}::user::{user_data}')}"
            message = json.dumps({"event": "pusher:signin", "data": {"auth": auth, "user_data": user_data}})
            await client.send(message)
        events = [frame.message for frame in await client.flushed()]
        assert len(events) == 3
        for event in events:
            assert event["event"] == "pusher:signin_success" or event["data"]["code"] in (4009, 4200)


async def test_a_thousand_wrong_messages_in_one_go(port: int) -> None:
    async with connect(port, APP.key) as client:
        for _ in range(1000):
            await client.send("nonsense")
        assert len(await client.flushed()) == 1000


async def test_a_whisper_on_an_encrypted_channel(port: int) -> None:
    async with connect(port, APP.key) as client:
        await client.subscribe("private-encrypted-a", APP)
        message = '{"event":"client-x","channel":"private-encrypted-a","data":{}}'
        assert await _answer(client, message.encode()) == 4301
