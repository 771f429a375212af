"""The routes that send events."""

import pytest

from tests.api.desk import ALL, Desk, a_request, signed_query


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
    assert desk.call("POST", "/batch_events", {"batch": batch}) == (200, {})
    heard = [(event["channel"], event["event"], event["data"]) for event in client.heard()]
    assert heard == [
        ("c", "e", ""),
        ("private-d", "e", ""),
        ("c", "e", 1),
        ("c", "b", 2),
        ("private-d", "b", 3),
    ]


def test_where_there_are_both_channels_go_before_channel(desk: Desk) -> None:
    client = desk.client(desk.app)
    for channel in ("c", "d"):
        client.subscribe(channel)
    client.heard()
    body = {"name": "e", "channels": ["c"], "channel": "d", "data": "1"}
    assert desk.call("POST", "/events", body) == (200, {})
    assert [event["channel"] for event in client.heard()] == ["c"]


def test_the_excepted_socket(desk: Desk) -> None:
    one, two = desk.client(desk.app), desk.client(desk.app)
    for client in (one, two):
        client.subscribe("c")
    event = {"name": "e", "channel": "c", "data": "1", "socket_id": one.session.socket_id}
    desk.call("POST", "/events", event)
    desk.call("POST", "/batch_events", {"batch": [{**event, "info": None}]})
    desk.call("POST", "/events", {**event, "socket_id": None})
    assert (len(one.heard()), len(two.heard())) == (1, 3)


def test_info_with_an_event(occupied: Desk) -> None:
    body = {"name": "e", "channels": ["pub", "presence-r", "cache-c", "nobody"], "data": "x", "info": ALL}
    cache = {"event": "e", "data": "x", "channel": "cache-c", "ttl": 1800}
    assert occupied.call("POST", "/events", body) == (
        200,
        {
            "channels": {
                "pub": {"occupied": True, "subscription_count": 2},
                "presence-r": {"occupied": True, "user_count": 2, "subscription_count": 3},
                "cache-c": {"occupied": True, "subscription_count": 1, "cache": cache},
                "nobody": {"occupied": False, "subscription_count": 0},
            }
        },
    )


def test_info_with_a_batch(occupied: Desk) -> None:
    infos = ("subscription_count", "user_count,subscription_count", "subscription_count", None)
    channels = ("pub", "presence-r", "nobody", "pub")
    batch = [
        {"name": "e", "channel": c, "data": "1", "info": i} for c, i in zip(channels, infos, strict=True)
    ]
    presence = {"user_count": 2, "subscription_count": 3}
    answer = {"batch": [{"subscription_count": 2}, presence, {"subscription_count": 0}, {}]}
    assert occupied.call("POST", "/batch_events", {"batch": batch}) == (200, answer)


def test_an_event_goes_to_so_many_channels(desk: Desk) -> None:
    names = [f"c{number}" for number in range(101)]
    refused = {"channels": ["The channels field must not have more than 100 items."]}
    for channels in (
        names,
        {name: name for name in names},
    ):  # what every SDK sends, and what PHP takes as well
        assert desk.call("POST", "/events", {"name": "e", "channels": channels, "data": "1"}) == (
            422,
            refused,
        )
    assert desk.call("POST", "/events", {"name": "e", "channels": names[:100], "data": "1"}) == (200, {})


# Large requests

MAX_BYTES = 10_000


def test_one_event_is_as_large_as_a_request_may_be(desk: Desk) -> None:
    status, text = desk.call("POST", "/events", {"name": "e", "channel": "c", "data": "x" * MAX_BYTES})
    assert status == 413
    assert text.startswith(
        "Payload too large. An event to one channel has at most 10000 bytes (REVERB_MAX_REQUEST_SIZE"
    )
    assert desk.call("POST", "/events", {"name": "e", "channels": ["c"], "data": "x" * MAX_BYTES})[0] == 413


def test_documented_calls_work(desk: Desk) -> None:
    """100 channels and 10 KB; ten events of 10 KB; and as many encrypted, which makes them larger."""
    client = desk.client(desk.app)
    client.subscribe("c" * 200)
    client.heard()
    names = [f"{number:03}" + "n" * 197 for number in range(99)]
    body = {"name": "e" * 200, "channels": [*names, "c" * 200], "data": '"' * 10_240}
    assert desk.call("POST", "/events", body) == (200, {})
    assert len(client.heard()) == 1
    for size in (10_240, 14_000):
        event = {"name": "e" * 200, "channel": "c" * 200, "data": '"' * size}
        assert desk.call("POST", "/batch_events", {"batch": [event] * 10}) == (200, {})
        assert len(client.heard()) == 10
    assert desk.call("POST", "/batch_events", {"batch": [event]}) == (200, {})


def test_what_is_larger_than_documented_is_refused(desk: Desk) -> None:
    client = desk.client(desk.app)
    client.subscribe("c")
    event = {"name": "e", "channel": "c", "data": "x" * 1000}
    assert desk.call("POST", "/batch_events", {"batch": [event] * 11})[0] == 413
    assert desk.call("POST", "/batch_events", {"batch": [{**event, "data": "x"}] * 11}) == (200, {}), (
        "as in Reverb"
    )
    large = {**event, "data": "é" * 7169}
    assert desk.call("POST", "/batch_events", {"batch": [event, large]})[0] == 413
    assert (
        desk.call("POST", "/events", {"name": "e", "channels": ["c", "d"], "data": large["data"]})[0] == 413
    )
    assert len(client.heard()) == 11


@pytest.mark.parametrize("route", ["events", "batch_events"])
def test_only_what_is_signed_may_be_large(desk: Desk, route: str) -> None:
    """Before its body is read; so the MD5 of the body has to be there to be signed."""
    path = f"/apps/app1/{route}"

    def admitted(query: str, method: str = "POST", path: str = path) -> object:
        return desk.api.admits_large_body(a_request(method, f"{path}?{query}"))

    query = signed_query(desk.app, "POST", path, b"x")
    assert admitted(query) is True
    assert admitted(query, "PUT") is False
    assert admitted(query, path="/apps/app2/events") is False
    assert admitted(query, path="/apps/nope/events") is False
    assert admitted(query.replace("body_md5=", "body_md5=0")) is False
    assert admitted(signed_query(desk.app, "POST", path)) is False, "without body_md5"
    assert admitted("") is False


def test_other_requests_are_never_large(desk: Desk) -> None:
    for path in ("/apps/app1/users/7/terminate_connections", "/apps/app1/channels", "/up", "/nope"):
        query = signed_query(desk.app, "POST", path, b"x")
        assert desk.api.admits_large_body(a_request("POST", f"{path}?{query}")) is False


def test_what_is_sent_to_a_user_reaches_that_one(desk: Desk) -> None:
    """`sendToUser` of the SDKs. The channels of users can be subscribed to by nobody else."""
    client, user = desk.client(desk.app), desk.client(desk.app)
    refused = client.subscribe("#server-to-user-7")
    assert [event["event"] for event in refused] == ["pusher:error", "pusher:subscription_error"]
    body = {"name": "e", "channels": ["#server-to-user-7"], "data": "1", "info": "subscription_count"}
    answer = {"channels": {"#server-to-user-7": {"subscription_count": 0}}}
    assert desk.call("POST", "/events", body) == (200, answer)
    user.sign_in("7")
    answer["channels"]["#server-to-user-7"]["subscription_count"] = 1
    assert desk.call("POST", "/events", body) == (200, answer)
    batch = {"batch": [{"name": "e", "channel": "#server-to-user-7", "data": "2"}]}
    assert desk.call("POST", "/batch_events", batch) == (200, {})
    assert [(event["channel"], event["data"]) for event in user.heard()] == [
        ("#server-to-user-7", 1),
        ("#server-to-user-7", 2),
    ]
    assert client.heard() == []


def test_nobody_sends_to_those_who_watch_a_user(desk: Desk) -> None:
    watcher = desk.client(desk.app)
    watcher.sign_in("1", ["7"])
    event = {"name": "e", "channel": "#online-7", "data": "1"}
    assert desk.call("POST", "/events", event)[0] == 422
    assert desk.call("POST", "/events", {**event, "channels": ["a", "#online-7"]})[0] == 422
    status, problems = desk.call("POST", "/batch_events", {"batch": [{**event, "channel": "a"}, event]})
    assert (status, list(problems)) == (422, ["batch.1.channel"])
    assert watcher.heard() == []


def test_the_name_of_an_event_may_be_long(desk: Desk) -> None:
    client = desk.client(desk.app)
    client.subscribe("c")
    assert desk.call("POST", "/events", {"name": "e" * 5_000, "channel": "c", "data": "1"}) == (200, {})
    (heard,) = client.heard()
    assert heard["event"] == "e" * 5_000


def test_any_text_is_a_socket_id(desk: Desk) -> None:
    client = desk.client(desk.app)
    client.subscribe("c")
    for socket_id in ("", "nonsense", "1", "1.1.1", "é"):
        body = {"name": "e", "channel": "c", "data": "1", "socket_id": socket_id}
        assert desk.call("POST", "/events", body) == (200, {})
    assert len(client.heard()) == 5
