"""Requests by route and status."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from revurb import App, Server
from revurb.api.routes import match
from revurb.apps import AppsUnavailable, FixedApps
from revurb.node.measured_gateway import MeasuredGateway
from revurb.observe.figures import Figures
from revurb.pusher.app_counts import AppBook
from revurb.wire.http import Request
from revurb.wire.response import DeferredResponse, Response
from tests.client import Refused, api, connect, http

APP = App(id="1", key="k", secret="s")


def requests(server: Server) -> dict[tuple[str, ...], float]:
    samples = server._node.figures().values.get("http_requests_total", {})
    return {labels: numbers[0] for labels, numbers in samples.items()}


async def use(server: Server) -> None:
    async with http(server.port) as connection:
        for path in ("/up", "/up", "/", "/live", "/ready", "/nowhere", "/app/k"):
            await connection.request("GET", path)
        assert (await connection.request("POST", "/up")).status == 405
        assert (await connection.request("GET", "/apps/2/channels")).status == 404
        assert (await connection.request("GET", "/apps/1/channels")).status == 401
    await api(server.port, APP, "POST", "/events", {"name": "e", "channel": "a", "data": "x"})
    await api(server.port, APP, "POST", "/events", {"name": "e", "data": "x"})
    await api(server.port, APP, "GET", "/channels/a")
    await api(server.port, APP, "POST", "/users/ann/terminate_connections", {})
    async with connect(server.port, "k"):
        pass


EXPECTED = {
    ("up", "200"): 2,
    ("up", "405"): 1,
    ("root", "200"): 1,
    ("live", "200"): 1,
    ("ready", "200"): 1,
    ("unknown", "404"): 1,
    ("socket", "426"): 1,
    ("socket", "101"): 1,
    ("channels", "404"): 1,
    ("channels", "401"): 1,
    ("events", "200"): 1,
    ("events", "422"): 1,
    ("channel", "200"): 1,
    ("terminate_user", "200"): 1,
}


async def test_each_answer_is_counted_once() -> None:
    async with Server(apps=[APP], port=0, admin_port=0) as server:
        await use(server)
        assert requests(server) == EXPECTED
        figures = server._node.figures()
        times = figures.values["http_request_seconds"]
        assert sum(times[("up",)][:-1]) == 3
        assert 0 < times[("up",)][-1] < 1
        assert figures.values["app_http_requests_total"] == {("1",): [4]}


async def test_so_are_those_of_a_provider_that_takes_its_time() -> None:
    class Slow(FixedApps):
        async def find_by_id(self, app_id: str) -> App | None:  # type: ignore[override]
            await asyncio.sleep(0)
            return super().find_by_id(app_id)

        async def find_by_key(self, key: str) -> App | None:  # type: ignore[override]
            await asyncio.sleep(0)
            return super().find_by_key(key)

    async with Server(app_provider=Slow([APP]), port=0, admin_port=0) as server:
        await use(server)
        assert requests(server) == EXPECTED


async def test_paths_that_somebody_makes_up_are_one_series() -> None:
    async with Server(apps=[APP], port=0, admin_port=0) as server:
        async with http(server.port) as connection:
            for number in range(50):
                await connection.request("GET", f"/path/{number}")
                await connection.request("GET", f"/apps/{number + 10}/channels")
        assert requests(server) == {("unknown", "404"): 50, ("channels", "404"): 50}
        assert server._node.figures().values["app_http_requests_total"].keys() == {("1",)}


class Failing(FixedApps):
    """Whose app has an id that it cannot be asked for."""

    def find_by_id(self, app_id: str) -> App | None:
        raise OSError("no database")

    find_by_key = find_by_id  # type: ignore[assignment]


class FailingLater(FixedApps):
    """As a database is that is away."""

    async def find_by_id(self, app_id: str) -> App | None:  # type: ignore[override]
        await asyncio.sleep(0)
        raise OSError("no database")

    find_by_key = find_by_id  # type: ignore[assignment]


@pytest.mark.parametrize(("kind", "status"), [(Failing, 500), (FailingLater, 503)])
@pytest.mark.parametrize("access_log", ["off", "connections", "all"])
async def test_a_fault_of_ours_is_counted(kind: type[FixedApps], status: int, access_log: Any) -> None:
    async with Server(app_provider=kind([APP]), port=0, admin_port=0, access_log=access_log) as server:
        assert (await api(server.port, APP, "GET", "/channels")).status == status
        event = {"name": "e", "channel": "a", "data": "x"}
        assert (await api(server.port, APP, "POST", "/events", event)).status == status
        with pytest.raises(Refused):
            async with connect(server.port, "k"):
                pass
        assert requests(server) == {(word, str(status)): 1 for word in ("channels", "events", "socket")}
        assert server._node.figures().values["handshakes_total"] == {("accepted",): [0], ("failed",): [1]}


async def test_so_is_an_answer_that_cannot_be_made() -> None:
    loop = asyncio.get_running_loop()
    failed: asyncio.Future[None] = loop.create_future()
    done: asyncio.Future[None] = loop.create_future()

    def make(result: None) -> Response:
        raise ValueError("no answer")

    class Gateway:
        def __init__(self) -> None:
            self.answers = [DeferredResponse(failed, make), DeferredResponse(done, make)]

        def on_request(self, request: Request) -> DeferredResponse:
            return self.answers.pop()

    book = AppBook()
    measured = MeasuredGateway(Gateway(), match, book)
    failed.set_exception(OSError("lost"))
    done.set_result(None)
    for error in (ValueError, OSError):
        answer = measured.on_request(Request("GET", "/apps/1/channels", "", {}, b"", "1.1", True, False))
        assert isinstance(answer, Awaitable)
        with pytest.raises(error):
            await answer
    await asyncio.sleep(0)  # for the callback of the future
    figures = Figures()
    measured.write(figures)
    assert figures.values["http_requests_total"] == {("channels", "500"): [2]}
    assert book.known == {}


async def test_what_is_answered_ahead_of_the_api_is_counted() -> None:
    preflight = [("Origin", "https://a.com"), ("Access-Control-Request-Method", "POST")]
    server = Server(
        apps=[APP], port=0, admin_port=0, cors_origins=["*"], max_handshakes_per_address=1,
        trusted_proxies=["127.0.0.1"], access_log="all",
    )  # fmt: skip
    of_client = [("X-Forwarded-For", "192.0.2.7")]
    async with server:
        async with http(server.port) as connection:
            assert (await connection.request("OPTIONS", "/apps/1/events", headers=preflight)).status == 204
        async with connect(server.port, "k", headers=of_client):
            pass
        with pytest.raises(Refused):
            async with connect(server.port, "k", headers=of_client):
                pass
        found = {("events", "204"): 1, ("socket", "101"): 1, ("socket", "429"): 1}
        assert requests(server) == found
        handshakes = server._node.figures().values["handshakes_total"]
        assert handshakes == {("accepted",): [1], ("too_many",): [1]}


async def test_apps_that_somebody_makes_up_take_the_place_of_none() -> None:
    """Answers that are given before the signature is looked at: 405, 204 to a preflight request, 429 to an address, 503
    while the apps are away."""

    class Away(FixedApps):
        async def find_by_id(self, app_id: str) -> App | None:  # type: ignore[override]
            if app_id == APP.id:
                return super().find_by_id(app_id)
            raise AppsUnavailable

    server = Server(
        app_provider=Away([APP]), port=0, admin_port=0, cors_origins=["*"], max_handshakes_per_address=1,
        trusted_proxies=["127.0.0.1"],
    )  # fmt: skip
    async with server:
        async with http(server.port) as connection:
            for number in range(40):
                path = f"/apps/made-up-{number}/events"
                assert (await connection.request("PUT", path)).status == 405
                preflight = [("Origin", "https://a.com"), ("Access-Control-Request-Method", "POST")]
                assert (await connection.request("OPTIONS", path, headers=preflight)).status == 204
                assert (await connection.request("POST", path)).status == 503
        for number in range(5):
            async with http(server.port) as connection:
                headers = [
                    ("X-Forwarded-For", "192.0.2.7"),
                    ("Upgrade", "websocket"),
                    ("Connection", "Upgrade"),
                ]
                path = f"/apps/limited-{number}/events"
                status = (await connection.request("GET", path, headers=headers)).status
                assert status == (405 if number == 0 else 429)
        assert (await api(server.port, APP, "GET", "/channels")).status == 200
        assert server._node.figures().values["app_http_requests_total"] == {("1",): [1]}


async def test_without_a_listener_nothing_is_on_the_way() -> None:
    async with Server(apps=[APP], port=0) as server:
        await use(server)
        assert requests(server) == {}
        assert not isinstance(server._node._connections.handler, MeasuredGateway)
