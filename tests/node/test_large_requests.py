"""Requests that are larger than others may be, on a node: signed ones, whoever has to be asked for the app."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest

from revurb import App, Server
from revurb.apps import FixedApps
from tests.client import Http, connect, http, signed
from tests.conftest import Run

APP = App(id="app-id", key="app-key", secret="app-secret")
BATCH = "/apps/app-id/batch_events"
EVENT = {"name": "e", "channel": "c", "data": "x" * 10_240}
LARGE = json.dumps({"batch": [EVENT] * 10}).encode()


class SlowApps(FixedApps):
    """A provider that is asked over the network, and fails for one app."""

    async def find_by_id(self, app_id: str) -> App | None:  # type: ignore[override]
        await asyncio.sleep(0)
        if app_id == "broken":
            raise ConnectionError("the database is away")
        return super().find_by_id(app_id)


class BrokenApps(FixedApps):
    """A provider that fails for one app, at once."""

    def find_by_id(self, app_id: str) -> App | None:
        if app_id == "broken":
            raise ConnectionError("the database is away")
        return super().find_by_id(app_id)


@pytest.fixture(scope="module", params=[SlowApps, BrokenApps])
def port(request: pytest.FixtureRequest, run: Run) -> Iterator[int]:
    server = Server(app_provider=request.param([APP]), port=0, close_timeout_s=0.2)
    run(server.start())
    yield server.port
    run(server.stop())


def head(length: int | None, *lines: str, path: str = BATCH, body: bytes = LARGE) -> bytes:
    """A signed request without its body."""
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    target = signed(APP, "POST", path, body)
    return "\r\n".join([f"POST {target} HTTP/1.1", "Host: x", framing, *lines, "", ""]).encode()


async def status(connection: Http) -> int:
    return (await connection.response()).status


async def test_a_large_batch_arrives(port: int) -> None:
    async with connect(port) as client, http(port) as connection:
        await client.subscribe("c")
        await connection.send_bytes((head(len(LARGE)) + LARGE) * 2)
        assert [await status(connection), await status(connection)] == [200, 200]
        chunk = b"%x\r\n%b\r\n0\r\n\r\n" % (len(LARGE), LARGE)
        await connection.send_bytes(head(None) + chunk)
        assert await status(connection) == 200
        await connection.send_bytes(head(len(LARGE), "Expect: 100-continue"))
        assert await status(connection) == 100
        await connection.send_bytes(LARGE)
        assert await status(connection) == 200
        for _ in range(40):
            assert len((await client.expect("e"))["data"]) == 10_240


@pytest.mark.parametrize(
    ("target", "length"),
    [
        (BATCH, 10_001),  # not signed
        (signed(APP, "POST", BATCH, b"x").replace("auth_signature=", "auth_signature=0"), 10_001),
        (signed(APP, "POST", BATCH, b"x"), 655_361),
        (signed(APP, "POST", "/apps/app-id/users/1/terminate_connections", b"x"), 10_001),
        ("/apps/broken/batch_events", 10_001),
    ],
)
async def test_what_may_not_be_large_is_refused_at_its_head(target: str, length: int, port: int) -> None:
    async with http(port) as connection:
        request = f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"
        await connection.send_bytes(request.encode())
        response = await connection.response()
        assert response.status == 413
        option = "REVURB_MAX_BATCH_SIZE" if length > 655_360 else "REVERB_MAX_REQUEST_SIZE"
        assert response.text.startswith("Payload too large.")
        assert option in response.text


async def test_a_client_that_goes_while_its_app_is_looked_up(port: int) -> None:
    for _ in range(3):
        async with http(port) as connection:
            await connection.send_bytes(head(len(LARGE)) + LARGE[:5000])
    async with http(port) as connection:
        assert (await connection.request("GET", "/up")).status == 200
