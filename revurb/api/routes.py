"""Maps request paths to routes.

Routes are matched segment by segment on the path as sent: an encoded slash (`%2F`) is part of a name, an encoded
letter of a fixed word is understood (`/%75p` is `/up`, as in Reverb). No trailing slashes, no dot segments.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote


class Route(Enum):
    """The routes, each with the method that it answers. HEAD goes where GET goes, OPTIONS only to ROOT, and DELETE only
    to CHANNEL_EVENTS."""

    ROOT = "", "GET"
    UP = "up", "GET"
    LIVE = "live", "GET"
    READY = "ready", "GET"
    SOCKET = "socket", "GET"
    EVENTS = "events", "POST"
    BATCH_EVENTS = "batch_events", "POST"
    CHANNELS = "channels", "GET"
    CHANNEL = "channel", "GET"
    CHANNEL_USERS = "channel_users", "GET"
    CHANNEL_EVENTS = "channel_events", "GET"
    CONNECTIONS = "connections", "GET"
    FORCE_RECONNECT = "force_reconnect", "POST"
    TERMINATE_USER = "terminate_user", "POST"

    def __init__(self, word: str, method: str) -> None:
        self.word = word
        self.method = method
        self.signed = word not in ("", "up", "live", "ready", "socket")  # by the app that it names


class RouteMatch(NamedTuple):
    """`app` is the app's key for SOCKET and its id elsewhere; `name` is a channel or a user id."""

    route: Route
    app: str = ""
    name: str = ""


_BELOW_APP = {
    route.word: route
    for route in (
        Route.EVENTS,
        Route.BATCH_EVENTS,
        Route.CHANNELS,
        Route.CONNECTIONS,
        Route.FORCE_RECONNECT,
    )
}
_ALONE = {route.word: RouteMatch(route) for route in (Route.ROOT, Route.UP, Route.LIVE, Route.READY)}


@lru_cache(maxsize=1024)  # 1.7 us to work out, 0.1 us to find again; a node's publishers use few paths
def match(path: str) -> RouteMatch | None:
    """The route of a path without its prefix, None if there is none. Leading slashes count once (`//up`)."""
    words = tuple(unquote(segment) if "%" in segment else segment for segment in path.lstrip("/").split("/"))
    match words:
        case ("apps", app, word) if app and word in _BELOW_APP:
            return RouteMatch(_BELOW_APP[word], app)
        case ("apps", app, "channels", name) if app and name:
            return RouteMatch(Route.CHANNEL, app, name)
        case ("apps", app, "channels", name, "users") if app and name:
            return RouteMatch(Route.CHANNEL_USERS, app, name)
        case ("apps", app, "channels", name, "events") if app and name:
            return RouteMatch(Route.CHANNEL_EVENTS, app, name)
        case ("apps", app, "users", user_id, "terminate_connections") if app and user_id:
            return RouteMatch(Route.TERMINATE_USER, app, user_id)
        case ("app", key) if key:
            return RouteMatch(Route.SOCKET, key)
        case (word,) if path:  # an absolute URL may have none, and is no request for the root
            return _ALONE.get(word)
    return None
