"""Signed requests with wrong bodies, good bodies with wrong signatures: 4xx, and the connection goes on."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.client import Response, http, signed
from tests.golden.signing import request_signature
from tests.hostile.conftest import APP, OTHER
from tests.hostile.values import NOT_UTF8, VALUES, almost, prefixes, without

EVENTS, BATCH = f"/apps/{APP.id}/events", f"/apps/{APP.id}/batch_events"
EVENT = '{"name":"e","channel":"c","data":"1"}'


async def post(port: int, path: str, body: bytes, target: str | None = None) -> Response:
    """One signed POST, and a second good one behind it on the same connection."""
    async with http(port) as connection:
        response = await connection.request("POST", target or signed(APP, "POST", path, body), body)
        behind = await connection.request("GET", "/up")
        assert behind.status == 200
    return response


def wrong_fields() -> Iterator[tuple[str, str, str]]:
    """Each value in each place where it is wrong."""
    texts = ("text", "empty-text", "nul", "lone-surrogate")
    for name, value in without(*texts, "null").items():
        yield f"socket-id-{name}", EVENTS, f'{EVENT[:-1]},"socket_id":{value}}}'
        yield f"info-{name}", EVENTS, f'{EVENT[:-1]},"info":{value}}}'
    for name, value in without(*texts).items():
        yield f"name-{name}", EVENTS, f'{{"name":{value},"channel":"c","data":"1"}}'
        yield f"channel-{name}", EVENTS, f'{{"name":"e","channel":{value},"data":"1"}}'
        yield f"data-{name}", EVENTS, f'{{"name":"e","channel":"c","data":{value}}}'
        yield f"batch-name-{name}", BATCH, f'{{"batch":[{{"name":{value},"channel":"c","data":"1"}}]}}'
        yield f"batch-channel-{name}", BATCH, f'{{"batch":[{{"name":"e","channel":{value},"data":"1"}}]}}'
        yield f"batch-data-{name}", BATCH, f'{{"batch":[{{"name":"e","channel":"c","data":{value}}}]}}'
    for name, value in without("list", "object").items():
        yield f"channels-{name}", EVENTS, f'{{"name":"e","channels":{value},"data":"1"}}'
    for name, value in VALUES.items():
        yield f"batch-{name}", BATCH, f'{{"batch":{value}}}'
        yield f"batch-item-{name}", BATCH, f'{{"batch":[{value}]}}'
        yield f"second-batch-item-{name}", BATCH, f'{{"batch":[{EVENT},{value}]}}'
        yield f"body-{name}", EVENTS, value
        yield f"batch-body-{name}", BATCH, value


@pytest.mark.parametrize(
    ("path", "body"), [pytest.param(path, body, id=name) for name, path, body in wrong_fields()]
)
async def test_wrong_field(path: str, body: str, port: int) -> None:
    response = await post(port, path, body.encode())
    assert response.status in (400, 422), response
    assert response.text
    if response.status == 422:
        bag = response.json()
        assert bag
        assert all(isinstance(texts, list) and texts for texts in bag.values())


@pytest.mark.parametrize(
    "body", [pytest.param(raw, id=name) for name, raw in [*prefixes(EVENT), *almost(EVENT)]]
)
async def test_not_json(body: bytes, port: int) -> None:
    response = await post(port, EVENTS, body)
    assert response.status == 400, response
    assert response.text.startswith("Bad request.")


@pytest.mark.parametrize("raw", [pytest.param(raw, id=name) for name, raw in NOT_UTF8.items()])
async def test_not_utf8(raw: bytes, port: int) -> None:
    response = await post(port, EVENTS, EVENT.encode().replace(b'"1"', b'"' + raw + b'"'))
    assert response.status == 400, response


def wrong_queries() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Changes to the parameters before they are signed (None removes one); `signature` is put on behind."""
    yield "no-key", {"auth_key": None}
    yield "key-of-the-other-app", {"auth_key": OTHER.key}
    yield "unknown-key", {"auth_key": "nobody"}
    yield "no-timestamp", {"auth_timestamp": None}
    yield "timestamp-of-words", {"auth_timestamp": "now"}
    yield "timestamp-empty", {"auth_timestamp": ""}
    yield "timestamp-an-hour-old", {"auth_timestamp": str(int(time.time()) - 3600)}
    yield "timestamp-in-an-hour", {"auth_timestamp": str(int(time.time()) + 3600)}
    yield "timestamp-zero", {"auth_timestamp": "0"}
    yield "timestamp-negative", {"auth_timestamp": "-1"}
    yield "timestamp-of-4000-digits", {"auth_timestamp": "9" * 4000}
    yield "timestamp-fraction", {"auth_timestamp": f"{time.time():.3f}e9"}
    yield "no-version", {"auth_version": None}
    yield "version-2.0", {"auth_version": "2.0"}
    yield "no-md5", {"body_md5": None}
    yield "md5-of-nothing", {"body_md5": hashlib.md5(b"", usedforsecurity=False).hexdigest()}
    yield "md5-of-words", {"body_md5": "md5"}
    yield "signature-zeros", {"signature": "0" * 64}
    yield "signature-empty", {"signature": ""}
    yield "signature-missing", {"signature": None}
    yield "signature-not-hex", {"signature": "z" * 64}
    yield "signature-not-ascii", {"signature": "%C3%A9" * 64}
    yield "signature-not-utf8", {"signature": "%ff" * 64}


@pytest.mark.parametrize("change", [pytest.param(change, id=name) for name, change in wrong_queries()])
async def test_wrong_signature(change: Mapping[str, Any], port: int) -> None:
    body = EVENT.encode()
    parameters = {
        "auth_key": APP.key,
        "auth_timestamp": str(int(time.time())),
        "auth_version": "1.0",
        "body_md5": hashlib.md5(body, usedforsecurity=False).hexdigest(),
        **{name: value for name, value in change.items() if name != "signature"},
    }
    kept = {name: value for name, value in parameters.items() if value is not None}
    signature = change.get("signature", request_signature(APP, "POST", EVENTS, kept))
    query = "&".join(f"{name}={value}" for name, value in kept.items())
    behind = "" if signature is None else f"&auth_signature={signature}"
    response = await post(port, EVENTS, body, f"{EVENTS}?{query}{behind}")
    assert response.status == 401, response
    assert response.text.startswith("Authentication signature invalid.")


@pytest.mark.parametrize(
    "target",
    [
        "/apps/%zz/channels",
        "/apps/%/channels",
        "/apps/%ff/channels",
        "/apps/app/channels/%ff",
        "/apps/app/channels/%00",
        "/apps/app/channels/%",
        "/apps/app/channels/a%2",
        "/apps/app/channels//users",
        "/apps/app/channels/a/b/users",
        "/apps/app/users//terminate_connections",
        "/apps//channels",
        "/apps/" + "a" * 5000 + "/channels",
        "/apps/app/channels?" + "a=1&" * 2000,
        "/apps/app/channels?auth_signature[]=x",
        "/apps/app/channels?auth_key=%ff&auth_signature=%ff",
        "/apps/app/channels?&&&==&=",
        "/app/",
        "/app",
        "/..",
        "*",
        "http://",
    ],
)
async def test_odd_target(target: str, port: int) -> None:
    async with http(port) as connection:
        response = await connection.request("GET", target)
    assert 400 <= response.status < 500, response
    assert response.text


@pytest.mark.parametrize("user", ["%ff", "%00", "%zz", "a" * 5000, "%2F", "%E2%82%AC", "0", "null", "[]"])
async def test_terminating_an_odd_user_ends_nobody(user: str, port: int) -> None:
    response = await post(port, f"/apps/{APP.id}/users/{user}/terminate_connections", b"{}")
    assert response.status in (200, 400, 404), response
