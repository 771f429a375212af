import pytest

from revurb.api.routes import Match, Route, match


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/up", Match(Route.UP)),
        ("//up", Match(Route.UP)),
        ("/%75p", Match(Route.UP)),
        ("/live", Match(Route.LIVE)),
        ("/ready", Match(Route.READY)),
        ("/app/key1", Match(Route.SOCKET, "key1")),
        ("/apps/a/events", Match(Route.EVENTS, "a")),
        ("/apps/a/batch_events", Match(Route.BATCH_EVENTS, "a")),
        ("/apps/a/channels", Match(Route.CHANNELS, "a")),
        ("/apps/a/connections", Match(Route.CONNECTIONS, "a")),
        ("/apps/a/channels/c", Match(Route.CHANNEL, "a", "c")),
        ("/apps/a/channels/a%2Fb%20c", Match(Route.CHANNEL, "a", "a/b c")),
        ("/apps/a/channels/c/users", Match(Route.CHANNEL_USERS, "a", "c")),
        ("/apps/a/channels/users", Match(Route.CHANNEL, "a", "users")),
        ("/apps/a/users/7/terminate_connections", Match(Route.TERMINATE_USER, "a", "7")),
        ("/", None),
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
        ("/apps/a/channels/weird/chan", None),
        ("/apps/a/users//terminate_connections", None),
    ],
)
def test_match(path: str, expected: Match | None) -> None:
    assert match(path) == expected


def test_only_three_routes_are_posted_to() -> None:
    posted = {route for route in Route if route.method == "POST"}
    assert posted == {Route.EVENTS, Route.BATCH_EVENTS, Route.TERMINATE_USER}
