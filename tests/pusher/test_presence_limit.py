"""How many may be on a presence channel: on a bus that knows, and on one that has to be asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest

from revurb.apps import AppLimits
from revurb.bus.local import LocalBus
from revurb.node.background_tasks import BackgroundTasks
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import Member
from revurb.pusher.presence_limit import is_one_too_many
from revurb.pusher.registry import Registry
from tests.pusher.room import Client, Room, an_app
from tests.pusher.test_limits import refusal

APP = an_app(limits=AppLimits(max_presence_members=2))
FULL = (4301, "LimitReached", 4100)


def join(client: Client, user_id: str, channel: str = "presence-a") -> list[Any]:
    return client.subscribe(channel, f'{{"user_id":"{user_id}"}}')


def is_in(answer: list[Any]) -> bool:
    return [event["event"] for event in answer] == ["pusher_internal:subscription_succeeded"]


def members(room: Room) -> list[str]:
    return [member.user_id for member in room.bus.members("app1", "presence-a")]


def test_the_third_user_is_refused_and_nobody_hears_of_it(room: Room) -> None:
    first, second, third = (room.client(APP) for _ in range(3))
    assert is_in(join(first, "1"))
    assert is_in(join(second, "2"))
    first.heard()
    answer = join(third, "3")
    assert refusal(answer) == FULL
    assert answer[0]["data"]["message"] == "The maximum members per presence channel limit was reached"
    assert (first.heard(), members(room), third.session.channels) == ([], ["1", "2"], {})
    assert is_in(join(third, "3", "presence-b"))  # each channel has its own


def test_another_connection_of_a_present_user_is_not(room: Room) -> None:
    for user_id in ("1", "2", "2", "1"):
        client = room.client(APP)
        assert is_in(join(client, user_id))
        assert is_in(join(client, user_id))  # nor is a repeat
    assert refusal(join(room.client(APP), "3")) == FULL


def test_whoever_leaves_makes_room(room: Room) -> None:
    first, second, third = (room.client(APP) for _ in range(3))
    join(first, "1"), join(second, "2"), join(third, "3")
    first.session.closed()
    assert is_in(join(third, "3"))
    assert members(room) == ["2", "3"]


def test_who_is_refused_is_counted_from_then_on(room: Room) -> None:
    app = an_app(limits=APP.limits, max_subscriptions_per_second=3)
    for user_id in ("1", "2"):
        join(room.client(app), user_id)
    client = room.client(app)
    statuses = [refusal(join(client, "3"))[2] for _ in range(5)]
    assert statuses == [4100, 4100, 4100, 4100, 4301]  # the second is not asked of the bus
    assert client.outlet.closed_with is None


class AskedBus(LocalBus):
    """Answers questions when the test says so."""

    def __init__(self, room: Room) -> None:
        super().__init__(room.dispatch, MEMBER_EVENTS, room.clock)
        self.questions: list[tuple[asyncio.Future[Any], Callable[[], Any]]] = []

    def _ask(self, answer: Callable[[], Any]) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.questions.append((future, answer))
        return future

    def describe(self, app_id: str, channels: Sequence[str]) -> Any:
        here = super().describe
        return self._ask(lambda: here(app_id, channels))

    def members(self, app_id: str, channel: str) -> Any:
        here = super().members
        return self._ask(lambda: here(app_id, channel))


class AskedRoom(Room):
    bus: AskedBus

    def __init__(self) -> None:
        super().__init__()
        self.tasks = BackgroundTasks()
        self.registry = Registry(run=self.tasks)
        self.dispatch.__init__(self.registry)  # type: ignore[misc]
        self.bus = AskedBus(self)

    async def answer(self, error: Exception | None = None) -> None:
        """Answer all that is asked, and what is asked then, until no subscription waits."""
        async with asyncio.timeout(5):
            while self.tasks:
                questions, self.bus.questions = self.bus.questions, []
                for future, answer in questions:
                    if error is None:
                        future.set_result(answer())
                    else:
                        future.set_exception(error)
                await asyncio.sleep(0)


async def test_a_bus_that_has_to_be_asked() -> None:
    room = AskedRoom()
    clients = [room.client(APP) for _ in range(4)]
    for client, user_id in zip(clients, ("1", "2", "3", "2"), strict=True):
        assert join(client, user_id) == []
        await room.answer()
    assert is_in(clients[1].heard())
    assert is_in(clients[3].heard())
    told, *later = clients[0].heard()
    assert is_in([told])
    assert refusal(clients[2].heard()) == FULL
    assert clients[2].session.pending == {}
    assert [event["data"]["user_id"] for event in later] == ["2"]  # nobody heard of the third


async def test_a_bus_that_has_to_be_asked_for_members_alone() -> None:
    room = AskedRoom()
    room.bus.describe = partial(LocalBus.describe, room.bus)  # type: ignore[method-assign]
    clients = [room.client(APP) for _ in range(4)]
    for client, user_id in zip(clients, ("1", "2", "3", "2"), strict=True):
        join(client, user_id)
        await room.answer()
    assert refusal(clients[2].heard()) == FULL
    assert is_in(clients[3].heard())


async def test_messages_about_the_channel_wait_for_the_refusal() -> None:
    room = AskedRoom()
    for user_id in ("1", "2"):
        join(room.client(APP), user_id)
        await room.answer()
    client = room.client(APP)
    join(client, "3")
    assert client.say({"event": "client-e", "channel": "presence-a", "data": 1}) == []
    assert client.say({"event": "pusher:unsubscribe", "data": {"channel": "presence-a"}}) == []
    await room.answer()
    *told, last = client.heard()
    assert refusal(told) == FULL
    assert last["data"]["message"] == "The client is not a member of the specified channel."


async def test_those_who_ask_at_once_are_looked_for_in_what_they_are_confirmed_with() -> None:
    """All of them were told that there is room. The last leave again, and those who are in see them come and go."""
    room = AskedRoom()
    first = room.client(APP)
    join(first, "1")
    await room.answer()
    first.heard()
    clients = [room.client(APP) for _ in range(3)]
    for number, client in enumerate(clients):
        join(client, str(number + 2))
    await room.answer()
    assert is_in(clients[0].heard()[:1])
    for client in clients[1:]:
        assert refusal(client.heard()) == FULL
    seen = [(event["event"].rpartition(":")[2], event["data"]["user_id"]) for event in first.heard()]
    assert seen == [
        ("member_added", "2"),
        ("member_added", "3"),
        ("member_removed", "3"),
        ("member_added", "4"),
        ("member_removed", "4"),
    ]


async def test_a_client_that_is_gone_meanwhile_leaves_nothing() -> None:
    room = AskedRoom()
    client = room.client(APP)
    join(client, "1")
    client.session.closed()
    await room.answer()
    assert room.state(APP).channels == {}
    assert LocalBus.members(room.bus, "app1", "presence-a") == []
    assert client.heard() == []


async def test_a_bus_that_fails_ends_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    room = AskedRoom()
    client = room.client(APP)
    join(client, "1")
    await room.answer(error=RuntimeError("no answer"))
    assert client.outlet.closed_with == (1011, "Internal error")
    assert "subscribing failed" in caplog.text


async def test_without_the_limit_nothing_is_asked() -> None:
    room = AskedRoom()
    assert is_in(join(room.client(an_app(limits=AppLimits(max_user_id_length=5))), "1"))
    assert room.bus.questions == []


def test_who_is_behind_the_limit() -> None:
    present = [Member(str(number), b"1", b"null") for number in range(4)]
    assert [is_one_too_many(present, member.user_id, 2) for member in present] == [False, False, True, True]
    assert not is_one_too_many(present, "3", 4)
    assert not is_one_too_many(present[:2], "3", 2)
