"""Queries, answered from one node's own state."""

import asyncio

from revurb.bus.cache import EventCache
from revurb.bus.local import LocalBus
from revurb.bus.local_state import LocalState
from revurb.bus.local_view import SLICE_CHANNELS, LocalView
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.dispatch import Dispatch
from revurb.pusher.ports import CachedEvent, ChannelState, Member
from revurb.pusher.registry import Registry

ANN = Member("ann", b'"ann"', b"null")


def test_queries_are_answered_from_the_state_and_the_cache() -> None:
    state, cache = LocalState(), EventCache(lambda: 0.0)
    view = LocalView(state, cache)
    room = state.open("app1", "presence-room")
    room.count = 2
    room.join(ANN)
    cache.put("app1", "cache-a", b"1", 60)
    assert view.channels_at_once("app1", "pres") == {"presence-room": ChannelState(2, 1)}
    assert view.channels_at_once("app1", "news") == view.channels_at_once("app2", "") == {}
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
    assert view.connections("app2") == 0


def many_channels(view_state: LocalState, count: int) -> None:
    for number in range(count):
        view_state.open("app1", f"c{number}").count = 1


async def test_many_channels_are_looked_at_in_slices() -> None:
    """Others have turns in between, and what comes or goes meanwhile is in the answer or is not."""
    state = LocalState()
    view = LocalView(state, EventCache(lambda: 0.0))
    many_channels(state, 3 * SLICE_CHANNELS)
    asking = asyncio.ensure_future(view.channels_in_slices("app1", "c"))
    turns = 0
    while not asking.done():
        await asyncio.sleep(0)
        turns += 1
        if turns == 2:
            state.close("app1", f"c{3 * SLICE_CHANNELS - 1}")
            state.open("app1", "c-new").count = 1
    assert turns >= 3
    assert set(await asking) == {f"c{number}" for number in range(3 * SLICE_CHANNELS - 1)}


async def test_a_node_that_is_alone_answers_about_few_channels_at_once() -> None:
    bus = LocalBus(Dispatch(Registry()), MEMBER_EVENTS)
    many_channels(bus._state, SLICE_CHANNELS)
    assert isinstance(bus.channels("app1", ""), dict)
    many_channels(bus._state, SLICE_CHANNELS + 1)
    found = bus.channels("app1", "c1")
    assert not isinstance(found, dict)
    assert len(await found) == sum(str(number).startswith("1") for number in range(SLICE_CHANNELS + 1))
