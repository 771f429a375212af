"""Having clients reconnect: those of a channel, of a user, or all of an app; a share of them, spread over a time.

They are closed with 4200, on which Pusher's clients come back at once. `ForceReconnect` is what every node of a cluster
is sent; each closes its share of its own connections.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec

from revurb.pusher.ports import Outlet
from revurb.pusher.registry import Registry

MAX_OVER_S = 3600.0
RECONNECT_CODE = 4200
RECONNECT_REASON = "Please reconnect"


class ForceReconnect(msgspec.Struct, tag="force_reconnect", frozen=True):
    """Whose clients are to reconnect: those on `channel`, those of `user_id`, or all of the app. `percent` of them,
    evenly over `over_s` seconds."""

    app_id: str
    channel: str | None = None
    user_id: str | None = None
    percent: float = 100.0
    over_s: float = 0.0


_encode = msgspec.json.Encoder().encode


def survey_of(request: ForceReconnect) -> bytes:
    """The question to all nodes that has them do what is asked."""
    return _encode(request)


def outlets_of(registry: Registry, request: ForceReconnect) -> list[Outlet]:
    """The connections of this process that are to be closed, as they are now."""
    state = registry.states.get(request.app_id)
    if state is None:
        return []
    found: Collection[Outlet]
    if request.channel is not None:
        channel = state.channels.get(request.channel)
        found = () if channel is None else tuple(channel.subscribers)
    elif request.user_id is not None:
        found = [session.outlet for session in state.sessions_of(request.user_id)]
    else:
        found = [session.outlet for session in state.sessions.values()]
    return list(_share(found, request.percent))


def _share(outlets: Collection[Outlet], percent: float) -> Iterator[Outlet]:
    """`percent` of them, taken evenly from a random one on: so that it is the share of all where each of many processes
    has a few."""
    import random  # 0.1 MiB, for this only

    step, taken = min(percent, 100.0) / 100.0, random.random()
    for outlet in outlets:
        taken += step
        if taken >= 1.0 or step == 1.0:
            taken -= 1.0
            yield outlet
