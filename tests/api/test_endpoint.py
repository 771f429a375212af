import asyncio
from typing import Any

import pytest

from revurb.apps import App, FixedApps
from revurb.wire.response import Response
from tests.api.desk import Desk, a_request, signed_query

REQUIRED = {
    "channels": ["The channels field is required when channel is not present."],
    "channel": ["The channel field is required when channels is not present."],
}
NAMES = {"channels": ["The channels field must be an array of channel names."]}


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/up", 200, '{"health":"OK"}'),
        ("HEAD", "/up", 200, '{"health":"OK"}'),
        ("POST", "/up", 405, "Method not allowed."),
        ("GET", "/live", 200, '{"live":true}'),
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
    response = desk.ask("GET", "/ready")
    assert (response.status, response.body) == (503, b'{"ready":false,"reason":"draining"}')
    assert desk.ask("GET", "/live").status == 200
    assert desk.ask("GET", "/up").status == 200


def test_405_says_what_is_allowed(desk: Desk) -> None:
    assert desk.ask("PUT", "/apps/app1/batch_events").headers == (("Allow", "POST"),)
    assert desk.ask("POST", "/app/key1").headers == (("Allow", "GET"),)


def test_a_plain_get_on_a_socket_route_says_upgrade(desk: Desk) -> None:
    response = desk.ask("GET", "/app/key1")
    assert response.status == 426
    assert ("Upgrade", "websocket") in response.headers


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ({}, {"name": ["The name field is required."], "data": ["The data field is required."], **REQUIRED}),
        ([], {"name": ["The name field is required."], "data": ["The data field is required."], **REQUIRED}),
        ({"name": "e", "data": "1"}, REQUIRED),
        ({"name": "e", "data": "1", "channels": []}, REQUIRED),
        ({"name": "", "channel": "c", "data": "1"}, {"name": ["The name field is required."]}),
        ({"name": 1, "channel": "c", "data": "1"}, {"name": ["The name field must be a string."]}),
        ({"name": "e", "channel": "c", "data": {}}, {"data": ["The data field must be a string."]}),
        ({"name": "e", "channel": "c", "data": None}, {"data": ["The data field is required."]}),
        ({"name": "e", "channels": "c", "data": "1"}, {"channels": ["The channels field must be an array."]}),
        ({"name": "e", "channel": ["c"], "data": "1"}, {"channel": ["The channel field must be a string."]}),
        (
            {"name": "e", "channels": ["c"], "channel": 5, "data": "1"},
            {"channel": ["The channel field must be a string."]},
        ),
        ({"name": "e", "channels": [None], "data": "1"}, NAMES),
        ({"name": "e", "channels": ["c", ""], "data": "1"}, NAMES),
        ({"name": "e", "channels": [True], "data": "1"}, NAMES),
        (
            {"name": "e", "channel": "c", "data": "1", "socket_id": 1},
            {"socket_id": ["The socket id field must be a string."]},
        ),
        ({"name": "e", "channel": "c", "data": "1", "info": ["a"]}, {"info": ["The info field must be a string."]}),
    ],
)  # fmt: skip
def test_422_of_an_event(desk: Desk, body: Any, problems: dict[str, list[str]]) -> None:
    assert desk.call("POST", "/events", body) == (422, problems)


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ({}, {"batch": ["The batch field is required."]}),
        ({"batch": []}, {"batch": ["The batch field is required."]}),
        ({"batch": "x"}, {"batch": ["The batch field must be an array."]}),
        (
            {"batch": [{"channel": "c", "data": "1"}]},
            {"batch.0.name": ["The batch.0.name field is required."]},
        ),
        (
            {"batch": [{"channel": "c"}, {"name": "e", "data": "1"}]},
            {
                "batch.0.name": ["The batch.0.name field is required."],
                "batch.0.data": ["The batch.0.data field is required."],
                "batch.1.channel": ["The batch.1.channel field is required when channels is not present."],
            },
        ),
        (
            {"batch": [{"name": "e", "channel": 5, "data": {}}]},
            {
                "batch.0.data": ["The batch.0.data field must be a string."],
                "batch.0.channel": ["The batch.0.channel field must be a string."],
            },
        ),
    ],
)
def test_422_of_a_batch(desk: Desk, body: Any, problems: dict[str, list[str]]) -> None:
    assert desk.call("POST", "/batch_events", body) == (422, problems)


@pytest.mark.parametrize("path", ["/events", "/batch_events"])
@pytest.mark.parametrize(
    "body", [b"", b'{"name":', b"1", b'"x"', b"null", b"true", b'{"a":"\xff"}', b"[" * 5000, b'{"a":NaN}']
)
def test_bodies_that_are_no_object(desk: Desk, path: str, body: bytes) -> None:
    status, text = desk.call("POST", path, body)
    assert status == 400
    assert text.startswith("Bad request. The body ")


def test_nothing_of_a_bad_batch_is_sent(desk: Desk) -> None:
    client = desk.client(desk.app)
    client.subscribe("c")
    good = {"name": "e", "channel": "c", "data": "1"}
    assert desk.call("POST", "/batch_events", {"batch": [good, {}]})[0] == 422
    assert client.heard() == []


def test_events_reach_their_channels(desk: Desk) -> None:
    client = desk.client(desk.app)
    for channel in ("c", "private-d"):
        client.subscribe(channel)
    client.heard()
    assert desk.call("POST", "/events", {"name": "e", "channels": ["c", "private-d", "c"], "data": ""}) == (
        200,
        {},
    )
    assert desk.call(
        "POST", "/events", {"name": "e", "channels": {"x": "c"}, "channel": "d", "data": "1"}
    ) == (200, {})
    batch = [{"name": "b", "channel": "c", "data": "2"}, {"name": "b", "channel": "private-d", "data": "3"}]
    assert desk.call("POST", "/batch_events", {"batch": batch}) == (200, {"batch": {}})
    heard = [(event["channel"], event["event"], event["data"]) for event in client.heard()]
    assert heard == [
        ("c", "e", ""),
        ("private-d", "e", ""),
        ("c", "e", 1),
        ("c", "b", 2),
        ("private-d", "b", 3),
    ]


def test_the_excepted_socket(desk: Desk) -> None:
    one, two = desk.client(desk.app), desk.client(desk.app)
    for client in (one, two):
        client.subscribe("c")
    event = {"name": "e", "channel": "c", "data": "1", "socket_id": one.session.socket_id}
    desk.call("POST", "/events", event)
    desk.call("POST", "/batch_events", {"batch": [{**event, "info": None}]})
    desk.call("POST", "/events", {**event, "socket_id": None})
    assert (len(one.heard()), len(two.heard())) == (1, 3)


@pytest.fixture
def occupied(desk: Desk) -> Desk:
    """Two clients on `pub`, one on `cache-c`, users 1 and 2 (two tabs) on `presence-r`."""
    clients = [desk.client(desk.app) for _ in range(3)]
    clients[0].subscribe("pub")
    clients[1].subscribe("pub")
    clients[0].subscribe("cache-c")
    clients[0].subscribe("presence-r", '{"user_id":"1"}')
    clients[1].subscribe("presence-r", '{"user_id":2}')
    clients[2].subscribe("presence-r", '{"user_id":2}')
    return desk


ALL = "subscription_count,user_count,occupied,cache"


def test_info_with_an_event(occupied: Desk) -> None:
    body = {"name": "e", "channels": ["pub", "presence-r", "cache-c", "nobody"], "data": "x", "info": ALL}
    cache = {"event": "e", "data": "x", "channel": "cache-c", "ttl": 1800}
    assert occupied.call("POST", "/events", body) == (
        200,
        {
            "channels": {
                "pub": {"occupied": True, "subscription_count": 2},
                "presence-r": {"occupied": True, "user_count": 2},
                "cache-c": {"occupied": True, "subscription_count": 1, "cache": cache},
                "nobody": {"occupied": False},
            }
        },
    )


def test_info_with_a_batch(occupied: Desk) -> None:
    infos = ("subscription_count", "user_count,subscription_count", "subscription_count", None)
    channels = ("pub", "presence-r", "nobody", "pub")
    batch = [
        {"name": "e", "channel": c, "data": "1", "info": i} for c, i in zip(channels, infos, strict=True)
    ]
    answer = {"batch": [{"subscription_count": 2}, {"user_count": 2}, {}, {}]}
    assert occupied.call("POST", "/batch_events", {"batch": batch}) == (200, answer)


@pytest.mark.parametrize(
    ("params", "channels"),
    [
        ({}, {"pub": {}, "cache-c": {}, "presence-r": {}}),
        ({"filter_by_prefix": "presence-", "info": "user_count"}, {"presence-r": {"user_count": 2}}),
        ({"info": "user_count"}, {"pub": {}, "cache-c": {}, "presence-r": {"user_count": 2}}),
        ({"filter_by_prefix": "zzz"}, {}),
    ],
)
def test_channels(occupied: Desk, params: dict[str, str], channels: dict[str, Any]) -> None:
    assert occupied.call("GET", "/channels", **params) == (200, {"channels": channels})


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/channels/pub", {"occupied": True, "subscription_count": 2}),
        ("/channels/presence-r", {"occupied": True, "user_count": 2}),
        ("/channels/nobody", {"occupied": False}),
    ],
)
def test_channel(occupied: Desk, path: str, answer: dict[str, Any]) -> None:
    assert occupied.call("GET", path, info=ALL) == (200, answer)
    assert occupied.call("GET", path) == (200, {"occupied": answer["occupied"]})


def test_users(occupied: Desk) -> None:
    assert occupied.call("GET", "/channels/presence-r/users") == (200, {"users": [{"id": "1"}, {"id": 2}]})
    assert occupied.call("GET", "/channels/pub/users") == (400, {})
    assert occupied.call("GET", "/channels/presence-x/users") == (404, {})


def test_connections_counts_everyone(occupied: Desk) -> None:
    occupied.client(occupied.app)
    assert occupied.call("GET", "/connections") == (200, {"connections": 4})


def test_terminating_a_user_ends_all_its_connections(occupied: Desk) -> None:
    clients = [occupied.client(occupied.app) for _ in range(3)]
    for client, user_id in zip(clients, ("7", "7", "8"), strict=True):
        client.subscribe("presence-r", f'{{"user_id":"{user_id}"}}')
    assert occupied.call("POST", "/users/7/terminate_connections", b"{}") == (200, {})
    assert [client.outlet.closed_with and client.outlet.closed_with[0] for client in clients] == [
        4009,
        4009,
        None,
    ]
    assert occupied.call("POST", "/users/nobody/terminate_connections") == (200, {})


def test_a_path_prefix_may_be_signed_or_not() -> None:
    desk = Desk(path="/ws")
    assert desk.ask("GET", "/ws/up").status == 200
    assert desk.ask("GET", "/up").status == 404
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
