"""Requests of webhooks before the validators of Pusher's SDKs for Python and Node. Those for Go and Java are in
tests/sdks."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

import pusher  # type: ignore[import-untyped]
import pytest

from revurb import App
from tests.conftest import Need
from tests.e2e.node import FOLDER, PATIENCE_S
from tests.webhook_requests import ALL_EVENTS, ALL_FACTS, webhook_request

APP = App(id="1", key="the-key", secret="the-secret")
OTHER = App(id="2", key="other-key", secret="other-secret")

Request = tuple[dict[str, str], bytes]
Validator = Callable[[Request], Awaitable[Any]]
"""Returns the body of a request as the SDK reads it, None for one that is not valid."""


async def in_python(request: Request) -> Any:
    headers, body = request
    sdk = pusher.Pusher(APP.id, APP.key, APP.secret)
    return sdk.validate_webhook(headers["X-Pusher-Key"], headers["X-Pusher-Signature"], body.decode())


async def in_node(program: str, request: Request) -> Any:
    headers, body = request
    process = await asyncio.create_subprocess_exec(
        program,
        str(FOLDER / "webhook_validator.mjs"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "KEY": APP.key, "SECRET": APP.secret},
    )
    line = {"headers": {name.lower(): value for name, value in headers.items()}, "body": body.decode()}
    async with asyncio.timeout(PATIENCE_S):
        output, _ = await process.communicate(json.dumps(line).encode() + b"\n")
    answer = json.loads(output)
    return {"time_ms": answer["time_ms"], "events": answer["events"]} if answer["valid"] else None


@pytest.fixture(params=["python", "node"])
def validate(request: pytest.FixtureRequest, need: Need) -> Validator:
    if request.param == "python":
        return in_python
    program = need("node")
    if not (FOLDER / "node_modules" / "pusher").exists():
        reason = "the SDK for Node is not installed in tests/e2e"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return lambda made: in_node(program, made)


async def test_every_kind_of_event_is_read(validate: Validator) -> None:
    headers, body = webhook_request(APP, ALL_FACTS)
    assert await validate((headers, body)) == {
        "time_ms": json.loads(body)["time_ms"],
        "events": ALL_EVENTS,
    }


async def test_what_is_not_ours_is_not_valid(validate: Validator) -> None:
    headers, body = webhook_request(APP, ALL_FACTS)
    others = (
        webhook_request(OTHER, ALL_FACTS),
        ({**headers, "X-Pusher-Signature": OTHER.sign(body.decode())}, body),
        ({**headers, "X-Pusher-Key": OTHER.key}, body),
        (headers, body.replace(b"orders", b"secret")),
    )
    for other in others:
        assert await validate(other) is None


async def test_python_takes_none_that_is_older_than_five_minutes() -> None:
    """So a request that is sent again for longer than that must have the time of then."""
    _, body = webhook_request(APP, ALL_FACTS)
    now_ms = json.loads(body)["time_ms"]
    assert await in_python(webhook_request(APP, ALL_FACTS, time_ms=now_ms - 290_000)) is not None
    assert await in_python(webhook_request(APP, ALL_FACTS, time_ms=now_ms - 310_000)) is None
