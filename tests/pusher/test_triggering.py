"""Events that the application triggers."""

import asyncio
import tracemalloc
from collections.abc import Awaitable
from typing import cast

import pytest

from revurb.apps import HistoryRule
from revurb.pusher.history import UNAVAILABLE
from revurb.pusher.ports import Bus, PublishedEvent
from revurb.pusher.triggering import Trigger
from tests.pusher.room import Room, an_app


def test_one_event_is_one_bytes_object(room: Room) -> None:
    app = an_app()
    clients = [room.client(app) for _ in range(5)]
    for client in clients:
        client.subscribe("news")
    for client in clients:
        client.heard()
    room.trigger.send(app, ["news"], "tick", "1")
    assert len({id(client.outlet.frames[-1]) for client in clients}) == 1


def test_a_channel_named_twice_gets_the_event_once_and_the_excepted_socket_none(room: Room) -> None:
    app = an_app()
    one, two = room.client(app), room.client(app)
    for client in (one, two):
        client.subscribe("news")
    room.trigger.send(app, ["news", "news"], "tick", 'not "json"', one.session.socket_id)
    assert one.heard() == []
    assert two.heard() == [{"event": "tick", "data": 'not "json"', "channel": "news"}]


def test_a_delivery_says_to_how_many_it_went(room: Room) -> None:
    clients = [room.client(an_app()) for _ in range(3)]
    for client in clients[:2]:
        client.subscribe("news")
    event = PublishedEvent("app1", "news", b"{}")
    assert room.dispatch.deliver(event) == 2
    assert room.dispatch.deliver(PublishedEvent("app1", "other", b"{}")) == 0
    assert room.dispatch.deliver(PublishedEvent("app2", "news", b"{}")) == 0


class SlowBus:
    """A bus that accepts what is published on it when the test says so, and on the channel "own" at once."""

    def __init__(self) -> None:
        self.published: list[PublishedEvent] = []
        self.accepting: list[asyncio.Future[None]] = []

    def publish_kept(self, event: PublishedEvent) -> asyncio.Future[None] | str:
        return UNAVAILABLE if event.channel == "away" else cast("asyncio.Future[None]", self.publish(event))

    def publish(self, event: PublishedEvent) -> asyncio.Future[None] | None:
        self.published.append(event)
        if event.channel == "own":
            return None
        self.accepting.append(asyncio.get_running_loop().create_future())
        return self.accepting[-1]


@pytest.mark.parametrize("channels", [["a"], ["a", "own"], ["own", "a"], ["a", "b"], ["a", "own", "b", "c"]])
async def test_sending_is_done_when_the_bus_has_accepted_each(channels: list[str]) -> None:
    bus = SlowBus()
    accepted = Trigger(cast(Bus, bus), 60).send(an_app(), channels, "e", "1")
    assert [event.channel for event in bus.published] == channels  # before anybody waits
    assert isinstance(accepted, Awaitable)
    done = asyncio.ensure_future(accepted)
    for accepting in bus.accepting:
        for _ in range(5):
            await asyncio.sleep(0)
        assert not done.done()
        accepting.set_result(None)
    async with asyncio.timeout(5):
        await done


async def test_what_is_accepted_at_once_is_not_waited_for() -> None:
    assert Trigger(cast(Bus, SlowBus()), 60).send(an_app(), ["own"], "e", "1") is None
    one = Trigger(cast(Bus, SlowBus()), 60).send(an_app(), ["a"], "e", "1")
    assert asyncio.isfuture(one), "a coroutine for one channel takes a task of its own"


async def test_only_cache_channels_are_remembered() -> None:
    bus = SlowBus()
    channels = [
        "news",
        "cache-news",
        "private-cache-news",
        "presence-cache-news",
        "my-cache-news",
        "cachenews",
    ]
    accepted = Trigger(cast(Bus, bus), 60).send(an_app(), channels, "e", "1")
    assert [event.cache_ttl_s for event in bus.published] == [0, 60, 60, 60, 0, 0]
    for accepting in bus.accepting:
        accepting.set_result(None)
    assert isinstance(accepted, Awaitable)
    await accepted


def test_the_text_of_an_event_takes_no_more_memory_than_it_is_long(room: Room) -> None:
    """It is kept in the cache of last events, and while it waits for a broker: their bounds count its length."""
    app = an_app()
    tracemalloc.start(1)
    try:
        for number in range(1000):
            room.trigger.send(app, [f"cache-{number}"], "e", "x" * 20)
        taken_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken_bytes < 1000 * 1000


@pytest.mark.parametrize(
    "channels", [["kept"], ["kept", "b"], ["away", "b"], ["away"], ["b", "kept", "away"]]
)
@pytest.mark.parametrize("failure", [None, UNAVAILABLE])
async def test_sending_ends_with_the_failure_of_what_must_be_kept(
    channels: list[str], failure: str | None
) -> None:
    bus = SlowBus()
    app = an_app(history=(HistoryRule(channels=("kept", "away")),))
    sent = Trigger(cast(Bus, bus), 60).send(app, channels, "e", "1")
    for event, accepting in zip(bus.published, bus.accepting, strict=True):
        cast("asyncio.Future[str | None]", accepting).set_result(failure if event.history else None)
    result = sent if sent is None or isinstance(sent, str) else await sent
    assert result == (UNAVAILABLE if "away" in channels else failure)
