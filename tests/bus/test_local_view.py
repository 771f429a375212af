"""Queries, answered from one node's own state."""

from revurb.bus.cache import EventCache
from revurb.bus.local_state import LocalState
from revurb.bus.local_view import LocalView
from revurb.pusher.ports import CachedEvent, ChannelState, Member

ANN = Member("ann", b'"ann"', b"null")


def test_queries_are_answered_from_the_state_and_the_cache() -> None:
    state, cache = LocalState(), EventCache(lambda: 0.0)
    view = LocalView(state, cache)
    room = state.open("app1", "presence-room")
    room.count = 2
    room.join(ANN)
    cache.put("app1", "cache-a", b"1", 60)
    assert view.channels("app1", "pres") == {"presence-room": ChannelState(2, 1)}
    assert view.channels("app1", "news") == view.channels("app2", "") == {}
    assert view.describe("app1", ["cache-a", "presence-room"]) == [
        ChannelState(cached=CachedEvent(b"1", 60)),
        ChannelState(2, 1),
    ]
    assert view.members("app1", "presence-room") == [ANN]
    assert view.members("app1", "news") == []


def test_connections_are_admitted_up_to_the_limit() -> None:
    view = LocalView(LocalState(), EventCache(lambda: 0.0))
    assert [view.admit("app1", 2) for _ in range(3)] == [True, True, False]
    assert view.admit("app1", None)
    assert view.connections("app1") == 3
