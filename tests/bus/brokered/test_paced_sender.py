"""Messages that are sent over several turns of the loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import cast

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.broker_link import BrokerLink
from revurb.bus.brokered.paced_sender import TURN_S, PacedSender


class Link:
    """A link that is full after so many messages."""

    def __init__(self, room: int = 1_000_000) -> None:
        self.room = room
        self.sent: list[m.FromWorker] = []

    @property
    def is_full(self) -> bool:
        return self.room <= 0

    def send(self, message: m.FromWorker) -> None:
        self.room -= 1
        self.sent.append(message)


def messages(count: int, each_s: float = 0.0) -> Iterator[m.FromWorker]:
    for number in range(count):
        until = time.perf_counter() + each_s
        while time.perf_counter() < until:
            pass
        yield m.QueryConnections(number, "app1")


async def test_no_more_is_sent_than_the_link_takes() -> None:
    link = Link(room=3)
    sender = PacedSender(cast(BrokerLink, link))
    sender.begin(messages(5))
    assert len(link.sent) == 3
    assert sender.messages is not None
    link.room = 10
    sender.go_on()
    assert len(link.sent) == 5
    assert sender.messages is None


async def test_the_loop_goes_on_between_the_turns() -> None:
    link = Link()
    sender = PacedSender(cast(BrokerLink, link))
    sender.begin(messages(4, TURN_S))
    assert len(link.sent) == 1
    sender.go_on()
    turns = 0
    while sender.messages is not None:
        turns += 1
        await asyncio.sleep(0)
    assert 1 <= turns <= 4
    assert [message.id for message in link.sent if isinstance(message, m.QueryConnections)] == [0, 1, 2, 3]


async def test_waiting_for_the_last_message() -> None:
    link = Link()
    sender = PacedSender(cast(BrokerLink, link))
    await sender.finish(10)  # nothing waits
    sender.begin(messages(4, TURN_S))
    async with asyncio.timeout(10):
        await sender.finish(60)
    assert len(link.sent) == 4
    sender.begin(messages(4, TURN_S))
    asyncio.get_running_loop().call_soon(sender.disconnected)
    async with asyncio.timeout(10):
        await sender.finish(60)
    assert len(link.sent) < 8


async def test_what_the_link_does_not_take_is_given_up_in_the_end() -> None:
    link = Link(room=1)
    sender = PacedSender(cast(BrokerLink, link))
    sender.begin(messages(2))
    await sender.finish(0.01)
    assert sender.messages is None
    assert len(link.sent) == 1


async def test_a_broken_link_ends_it() -> None:
    link = Link()
    sender = PacedSender(cast(BrokerLink, link))
    sender.begin(messages(3, TURN_S))
    sender.disconnected()
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(link.sent) == 1


async def test_there_is_one_part_in_each_turn_however_often_the_link_says_that_it_has_room() -> None:
    """Else the parts of one turn take as long as they like."""
    link = Link()
    sender = PacedSender(cast(BrokerLink, link))
    turns: list[Callable[[], None]] = []
    sender._loop = cast(asyncio.AbstractEventLoop, SimpleNamespace(call_soon=turns.append))
    sender.begin(messages(50, TURN_S))
    sender.go_on()
    sender.go_on()
    assert len(turns) == 1
    for _ in range(3):
        turns.pop()()
        assert len(turns) == 1
    assert len(link.sent) < 50


async def test_what_follows_is_sent_behind_the_others_and_once() -> None:
    link = Link(room=2)
    sender = PacedSender(cast(BrokerLink, link))
    sender.begin(messages(3))
    for _ in range(3):
        sender.follow(messages(2))
    link.room = 2
    sender.go_on()
    sender.follow(messages(1))  # the others have begun
    link.room = 100
    sender.go_on()
    assert [each.id for each in link.sent if isinstance(each, m.QueryConnections)] == [0, 1, 2, 0, 1, 0]
    link.room = 0
    sender.follow(messages(1))
    sender.disconnected()
    link.room = 100
    sender.follow(messages(1))
    assert len(link.sent) == 7
