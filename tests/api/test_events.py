"""The routes that send events."""

from tests.api.desk import ALL, Desk


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
