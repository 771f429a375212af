"""What a node does without its broker: in order, over several turns of the loop, and ahead of what the broker sends."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

from revurb.bus.brokered import sliced_steps
from revurb.bus.brokered.broker_queries import BrokerQueries
from revurb.bus.brokered.outage import Outage
from revurb.bus.brokered.outbound_queue import OutboundQueue
from revurb.bus.brokered.subscriptions import BrokeredSubscriptions
from revurb.bus.cache import EventCache
from revurb.bus.local_state import LocalState
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import ChannelSnapshot, EnterRequest, PublishedEvent

APP = "app1"


@pytest.fixture(autouse=True)
def slow_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sliced_steps, "SLICE_S", 0.0)


class Alone:
    """A node whose broker takes nothing. `done` is what was delivered, and what happened besides."""

    def __init__(self) -> None:
        state, numbers = LocalState(), count(1)
        cache = EventCache(asyncio.get_running_loop().time)
        self.done: list[bytes] = []
        self.entered: list[ChannelSnapshot] = []
        self.outbound = OutboundQueue(lambda app_id, channel: 0, state.has)
        self.subscriptions = BrokeredSubscriptions(
            state, cache, MEMBER_EVENTS, lambda message: None, self.deliver, lambda: next(numbers)
        )
        queries = BrokerQueries(lambda message: None)
        self.outage = Outage(self.outbound, self.subscriptions, queries, self.deliver)

    def deliver(self, event: PublishedEvent) -> None:
        self.done.append(event.text)

    def publish(self, text: bytes) -> None:
        self.outage.publish(self.outbound.add(PublishedEvent(APP, "news", text), None))

    def enter(self) -> None:
        self.subscriptions.enter(EnterRequest(APP, "news", None, b"", False), self.entered.append)


async def turns_until(done: list[bytes], last: bytes) -> int:
    turns = 0
    async with asyncio.timeout(10):
        while last not in done:
            turns += 1
            await asyncio.sleep(0)
    return turns


def numbers(start: int, end: int) -> list[bytes]:
    return [b"%d" % number for number in range(start, end)]


async def test_what_waits_is_delivered_in_turns_and_what_is_published_meanwhile_behind_it() -> None:
    alone = Alone()
    for text in numbers(0, 20):
        alone.outbound.add(PublishedEvent(APP, "news", text), None)
    alone.outage.begin()
    assert alone.done == [b"0"]
    alone.publish(b"20")
    assert alone.done == numbers(0, 3)  # it does not get more
    assert await turns_until(alone.done, b"20") >= 15
    alone.publish(b"21")
    assert alone.done == numbers(0, 22)


async def test_a_broker_that_is_back_waits_until_all_is_delivered() -> None:
    alone = Alone()
    for text in numbers(0, 5):
        alone.outbound.add(PublishedEvent(APP, "news", text), None)
    alone.outage.begin()
    alone.outage.when_settled(lambda: alone.done.append(b"too early"))
    alone.outage.disconnected()
    alone.outage.when_settled(lambda: alone.done.append(b"back"))
    await turns_until(alone.done, b"back")
    alone.outage.when_settled(lambda: alone.done.append(b"at once"))
    assert alone.done == [*numbers(0, 5), b"back", b"at once"]


async def test_subscribers_are_let_in_in_turns_until_the_broker_is_back() -> None:
    alone = Alone()
    for _ in range(10):
        alone.enter()
    alone.outage.serve_alone()
    assert len(alone.entered) == 1
    alone.enter()
    alone.outage.confirm()
    for _ in range(3):
        await asyncio.sleep(0)
    assert 1 < len(alone.entered) < 10
    alone.outage.end()
    before = len(alone.entered)
    for _ in range(3):
        await asyncio.sleep(0)
    assert len(alone.entered) == before
    assert alone.outage.duration_s >= 0
    async with asyncio.timeout(10):
        while len(alone.entered) < 11:
            alone.outage.confirm()
            await asyncio.sleep(0)


async def test_a_delivery_that_fails_does_not_keep_the_node_from_its_broker() -> None:
    alone = Alone()
    for text in numbers(0, 5):
        alone.outbound.add(PublishedEvent(APP, "news", text), None)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(alone.outage, "_deliver", lambda event: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            alone.outage.begin()
    alone.outage.when_settled(lambda: alone.done.append(b"back"))
    await turns_until(alone.done, b"back")
    assert alone.done == [*numbers(1, 5), b"back"]
