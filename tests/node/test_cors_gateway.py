"""CORS as browsers ask for it."""

from __future__ import annotations

import pytest

from revurb import App, Server
from tests.client import Response, connect, http, signed

APP = App(id="1", key="app-key", secret="app-secret")
PREFLIGHT = [("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "content-type")]


async def ask(server: Server, method: str, path: str, origin: str, *headers: tuple[str, str]) -> Response:
    async with http(server.port) as connection:
        return await connection.request(method, path, headers=[("Origin", origin), *headers])


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        (["https://a.com", "http://b.com:3000"], "https://a.com", "https://a.com"),
        (["https://a.com", "http://b.com:3000"], "http://b.com:3000", "http://b.com:3000"),
        (["https://a.com"], "http://a.com", None),
        (["https://a.com"], "https://a.com.evil.com", None),
        (["https://a.com"], "null", None),
        (["*"], "https://evil.com", "*"),
    ],
)
async def test_pages_of_other_origins(origins: list[str], origin: str, allowed: str | None) -> None:
    async with Server(apps=[APP], port=0, path="/ws", cors_origins=origins) as server:
        preflight = await ask(server, "OPTIONS", "/ws/apps/1/events", origin, *PREFLIGHT)
        assert preflight.status == 204
        assert preflight.headers.get("access-control-allow-origin") == allowed
        assert (preflight.headers.get("access-control-allow-methods") == "GET, POST, DELETE") == (
            allowed is not None
        )
        for path, status in ((signed(APP, "GET", "/ws/apps/1/channels"), 200), ("/ws/apps/1/channels", 401)):
            answer = await ask(server, "GET", path, origin)
            assert answer.status == status
            assert answer.headers.get("access-control-allow-origin") == allowed
            assert (answer.headers.get("vary") == "Origin") == (origins != ["*"])


async def test_what_is_no_preflight_request_and_no_api() -> None:
    async with Server(apps=[APP], port=0, cors_origins=["*"]) as server:
        assert (await ask(server, "OPTIONS", "/apps/1/events", "https://a.com")).status == 405
        assert "access-control-allow-origin" not in (await ask(server, "GET", "/up", "https://a.com")).headers
        async with connect(server.port, headers=[("Origin", "https://a.com")]) as client:
            assert "access-control-allow-origin" not in client.response.headers


async def test_without_origins_nothing_is_said() -> None:
    async with Server(apps=[APP], port=0) as server:
        assert (await ask(server, "OPTIONS", "/apps/1/events", "https://a.com", *PREFLIGHT)).status == 405
        answer = await ask(server, "GET", signed(APP, "GET", "/apps/1/channels"), "https://a.com")
        assert "access-control-allow-origin" not in answer.headers


def test_what_is_no_origin() -> None:
    with pytest.raises(ValueError, match=r"Server.cors_origins: found \['a.com'\]"):
        Server(apps=[APP], cors_origins=["a.com"])
