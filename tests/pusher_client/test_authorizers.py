"""Who says that a client may join a channel."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import pytest

from revurb.pusher_client.authorizers import (
    AppAuth,
    AuthEndpoint,
    answer_of,
    channel_authorizer,
    user_authorizer,
)
from revurb.pusher_client.client_errors import AuthRefused, AuthUnavailable
from tests.cli.servers import api_server
from tests.pusher_client.collected import APP

KEY = base64.b64encode(bytes(32)).decode()


def test_an_app_signs_for_its_user() -> None:
    auth = AppAuth(APP, user={"id": 7, "user_info": {"name": "Ann"}})
    assert auth("1.2", "private-a") == APP.authorize_channel("1.2", "private-a")
    assert auth("1.2", "presence-a") == APP.authorize_channel(
        "1.2", "presence-a", user_id=7, user_info={"name": "Ann"}
    )
    assert json.loads(auth.sign_in("1.2")["user_data"]) == {"id": "7", "user_info": {"name": "Ann"}}


def test_an_app_signs_for_encrypted_channels_with_the_master_key() -> None:
    answer = AppAuth(APP, encryption_master_key_base64=KEY)("1.2", "private-encrypted-a")
    assert answer["auth"] == f"{APP.key}:{APP.sign('1.2:private-encrypted-a')}"
    assert len(base64.b64decode(answer["shared_secret"])) == 32


@pytest.mark.parametrize(
    ("socket_id", "channel", "message"),
    [
        ("1.2", "presence-a", "AppAuth needs a user"),
        ("1.2", "private-encrypted-a", "AppAuth needs encryption_master_key_base64"),
        ("1.2:x", "private-a", "socket_id: found"),
    ],
)
def test_what_an_app_does_not_sign(socket_id: str, channel: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AppAuth(APP)(socket_id, channel)


@pytest.mark.parametrize(("socket_id", "channel"), [("1.2::user::{}", "a"), ("1.2", "a b")])
def test_nor_what_has_another_reading(socket_id: str, channel: str) -> None:
    with pytest.raises(ValueError, match="found"):
        AppAuth(APP, encryption_master_key_base64=KEY)(socket_id, f"private-encrypted-{channel}")


@pytest.mark.parametrize("key", ["", "!", "QQ=="])
def test_what_is_no_master_key(key: str) -> None:
    with pytest.raises(ValueError, match="32 bytes in base64"):
        AppAuth(APP, encryption_master_key_base64=key)


async def test_an_endpoint_is_asked_as_by_pusher_js() -> None:
    with api_server() as api:
        api.answer = b'{"auth":"k:s"}'
        endpoint = AuthEndpoint(f"http://127.0.0.1:{api.port}/auth", params={"tab": "1"})
        assert await endpoint("1.2", "private-a") == {"auth": "k:s"}
        assert await endpoint.sign_in("1.2") == {"auth": "k:s"}
    (method, target, body), (_, _, second) = api.requests
    assert (method, target) == ("POST", "/auth")
    assert dict(parse_qsl(body.decode())) == {"socket_id": "1.2", "channel_name": "private-a", "tab": "1"}
    assert dict(parse_qsl(second.decode())) == {"socket_id": "1.2", "tab": "1"}


@pytest.mark.parametrize(
    ("status", "answer", "error"),
    [
        (401, b"{}", AuthRefused),
        (403, b"{}", AuthRefused),
        (429, b"{}", AuthUnavailable),
        (500, b"{}", AuthUnavailable),
        (200, b"<html>", AuthUnavailable),
        (200, b"[]", AuthUnavailable),
    ],
)
async def test_an_endpoint_that_does_not_authorize(
    status: int, answer: bytes, error: type[Exception]
) -> None:
    with api_server() as api:
        api.status, api.answer = status, answer
        with pytest.raises(error, match="the auth endpoint") as caught:
            await AuthEndpoint(f"http://127.0.0.1:{api.port}/auth")("1.2", "private-a")
    assert getattr(caught.value, "status", status) == status


async def test_an_endpoint_that_is_not_there(closed_port: int) -> None:
    with pytest.raises(AuthUnavailable):
        await AuthEndpoint(f"http://127.0.0.1:{closed_port}/auth")("1.2", "private-a")


async def test_functions_are_plain_or_asynchronous() -> None:
    async def later() -> Mapping[str, Any]:
        await asyncio.sleep(0)
        return {"auth": "a"}

    assert await answer_of(later()) == await answer_of({"auth": "a"}) == {"auth": "a"}
    for nothing in (None, {}, {"auth": 5}, "auth"):
        with pytest.raises(AuthRefused, match="gave no"):
            await answer_of(nothing)  # type: ignore[arg-type]


def test_what_may_be_given() -> None:
    def auth(socket_id: str, channel: str) -> Mapping[str, Any]:
        return {}

    def user_auth(socket_id: str) -> Mapping[str, Any]:
        return {}

    assert channel_authorizer(auth) is auth
    assert isinstance(channel_authorizer(APP), AppAuth)
    assert isinstance(channel_authorizer("http://127.0.0.1/auth"), AuthEndpoint)
    assert channel_authorizer(None) is None
    assert user_authorizer(user_auth, None) is user_auth
    assert user_authorizer(None, auth) is None
    assert user_authorizer(None, AppAuth(APP)) is not None
    assert user_authorizer("http://127.0.0.1/auth", None) is not None
    with pytest.raises(TypeError, match=r"Client\.auth: found 5"):
        channel_authorizer(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"Client\.user_auth: found 5"):
        user_authorizer(5, None)  # type: ignore[arg-type]
