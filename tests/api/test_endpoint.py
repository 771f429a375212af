import asyncio

import pytest

from revurb.apps import App, FixedApps
from revurb.wire.response import Response
from tests.api.desk import Desk, a_request, signed_query


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/up", 200, '{"health":"OK"}'),
        ("HEAD", "/up", 200, '{"health":"OK"}'),
        ("POST", "/up", 405, "Method not allowed."),
        ("GET", "/live", 200, '{"live":true}'),
        ("GET", "/", 200, '{"ready":true}'),
        ("HEAD", "/", 200, '{"ready":true}'),
        ("OPTIONS", "/", 200, '{"ready":true}'),
        ("POST", "/", 405, "Method not allowed."),
        ("OPTIONS", "/ready", 405, "Method not allowed."),
        ("GET", "/ready", 200, '{"ready":true}'),
        ("POST", "/ready", 405, "Method not allowed."),
        ("GET", "/nope", 404, "Not found."),
        ("GET", "/apps/app1/events", 405, "Method not allowed."),
        ("OPTIONS", "/apps/app1/events", 405, "Method not allowed."),
        ("HEAD", "/apps/app1/events", 405, "Method not allowed."),
        ("DELETE", "/apps/app1/channels/c", 405, "Method not allowed."),
        ("GET", "/apps/nope/channels", 404, "No matching application for ID [nope]."),
        ("GET", "/apps/app1/channels", 401, "Authentication signature invalid."),
        ("HEAD", "/apps/app1/channels", 401, "Authentication signature invalid."),
    ],
)
def test_before_anything_is_signed(desk: Desk, method: str, path: str, status: int, text: str) -> None:
    response = desk.ask(method, path)
    assert (response.status, response.body.decode()) == (status, text)


def test_a_node_that_is_not_ready_says_why_and_is_alive(desk: Desk) -> None:
    desk.unready = "draining"
    for method, path in (("GET", "/ready"), ("GET", "/"), ("OPTIONS", "/")):
        response = desk.ask(method, path)
        assert (response.status, response.body) == (503, b'{"ready":false,"reason":"draining"}')
    assert desk.ask("GET", "/live").status == 200
    assert desk.ask("GET", "/up").status == 200


def test_a_node_that_is_cut_off_and_ready_says_both(desk: Desk) -> None:
    desk.degraded = "redis disconnected"
    response = desk.ask("GET", "/ready")
    assert (response.status, response.body) == (200, b'{"ready":true,"degraded":"redis disconnected"}')


def test_405_says_what_is_allowed(desk: Desk) -> None:
    assert desk.ask("PUT", "/apps/app1/batch_events").headers == (("Allow", "POST"),)
    assert desk.ask("POST", "/app/key1").headers == (("Allow", "GET"),)


def test_a_plain_get_on_a_socket_route_says_upgrade(desk: Desk) -> None:
    response = desk.ask("GET", "/app/key1")
    assert response.status == 426
    assert ("Upgrade", "websocket") in response.headers


def test_a_path_prefix_may_be_signed_or_not() -> None:
    desk = Desk(path="/ws")
    assert desk.ask("GET", "/ws/up").status == 200
    assert desk.ask("GET", "/up").status == 404
    assert [desk.ask("GET", root).status for root in ("/", "/ws/", "/ws", "/x/")] == [200, 200, 404, 404]
    assert desk.ask("GET", "/wsup").status == 404
    for signed in ("/apps/app1/channels", "/ws/apps/app1/channels"):
        query = signed_query(desk.app, "GET", signed)
        assert desk.ask("GET", f"/ws/apps/app1/channels?{query}").status == 200


def test_a_provider_may_take_its_time() -> None:
    class Slow(FixedApps):
        async def find_by_id(self, app_id: str) -> App | None:  # type: ignore[override]
            await asyncio.sleep(0)
            return super().find_by_id(app_id)

    desk = Desk()
    slow = Desk(Slow([desk.app]))
    query = signed_query(desk.app, "GET", "/apps/app1/connections")

    async def ask() -> Response:
        answer = slow.api.answer(a_request("GET", f"/apps/app1/connections?{query}"))
        assert not isinstance(answer, Response)
        return await answer

    assert asyncio.run(ask()).status == 200
