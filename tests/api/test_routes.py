import pytest

from revurb.api.routes import Route, RouteMatch, match


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/up", RouteMatch(Route.UP)),
        ("//up", RouteMatch(Route.UP)),
        ("/%75p", RouteMatch(Route.UP)),
        ("/live", RouteMatch(Route.LIVE)),
        ("/ready", RouteMatch(Route.READY)),
        ("/app/key1", RouteMatch(Route.SOCKET, "key1")),
        ("/apps/a/events", RouteMatch(Route.EVENTS, "a")),
        ("/apps/a/batch_events", RouteMatch(Route.BATCH_EVENTS, "a")),
        ("/apps/a/channels", RouteMatch(Route.CHANNELS, "a")),
        ("/apps/a/connections", RouteMatch(Route.CONNECTIONS, "a")),
        ("/apps/a/channels/c", RouteMatch(Route.CHANNEL, "a", "c")),
        ("/apps/a/channels/a%2Fb%20c", RouteMatch(Route.CHANNEL, "a", "a/b c")),
        ("/apps/a/channels/c/users", RouteMatch(Route.CHANNEL_USERS, "a", "c")),
        ("/apps/a/channels/users", RouteMatch(Route.CHANNEL, "a", "users")),
        ("/apps/a/users/7/terminate_connections", RouteMatch(Route.TERMINATE_USER, "a", "7")),
        ("/", RouteMatch(Route.ROOT)),
        ("//", RouteMatch(Route.ROOT)),
        ("", None),
        ("/nope", None),
        ("/UP", None),
        ("/up/", None),
        ("/events", None),
        ("/up/../up", None),
        ("/app", None),
        ("/app/", None),
        ("/app/key1/", None),
        ("/apps/a", None),
        ("/apps//events", None),
        ("/apps/a/channels/", None),
        ("/apps//channels/c", None),
        ("/apps//channels/c/users", None),
        ("/apps/a/channels//users", None),
        ("/apps//users/7/terminate_connections", None),
        ("/apps/a/channels/weird/chan", None),
        ("/apps/a/users//terminate_connections", None),
    ],
)
def test_match(path: str, expected: RouteMatch | None) -> None:
    assert match(path) == expected


def test_only_four_routes_are_posted_to() -> None:
    posted = {route for route in Route if route.method == "POST"}
    assert posted == {
        Route.EVENTS,
        Route.BATCH_EVENTS,
        Route.FORCE_RECONNECT,
        Route.TERMINATE_USER,
    }
