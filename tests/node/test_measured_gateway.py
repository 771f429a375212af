"""Requests by route and status."""

from __future__ import annotations

import asyncio

from revurb import App, Server
from revurb.apps import FixedApps
from revurb.node.measured_gateway import MeasuredGateway
from tests.client import api, connect, http

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


async def test_without_a_listener_nothing_is_on_the_way() -> None:
    async with Server(apps=[APP], port=0) as server:
        await use(server)
        assert requests(server) == {}
        assert not isinstance(server._node._connections.handler, MeasuredGateway)
