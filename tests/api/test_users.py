"""The routes about connections and users."""

from tests.api.desk import Desk


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


def test_terminating_a_user_ends_who_has_signed_in(occupied: Desk) -> None:
    signed_in, both, other = [occupied.client(occupied.app) for _ in range(3)]
    signed_in.sign_in("7")
    both.sign_in("7")
    both.subscribe("presence-r")
    both.subscribe("presence-x", '{"user_id":"7"}')
    other.sign_in("8", ["7"])
    other.heard()
    assert occupied.call("POST", "/users/7/terminate_connections", b"{}") == (200, {})
    closed = [client.outlet.closed_with for client in (signed_in, both, other)]
    assert closed == [
        (4009, "You got disconnected by the app."),
        (4009, "You got disconnected by the app."),
        None,
    ]
    for client in (signed_in, both):
        client.session.closed()
    assert [event["event"] for event in other.heard()] == ["pusher_internal:watchlist_events"]
    assert occupied.state(occupied.app).users.keys() == {"1", "2", "8"}
