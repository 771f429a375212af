"""Subscriptions over a bus that takes its time: what is sent when, and what the client says meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from revurb.apps import AppLimits
from revurb.bus.local import LocalBus
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.deferred_messages import MAX_DEFERRED
from revurb.pusher.ports import ChannelSnapshot, EnterRequest
from tests.pusher.room import Client, Room, an_app
from tests.pusher.test_limits import refusal
from tests.pusher.test_subscribing import succeeded

APP = an_app(accept_client_events_from="all")


class LateBus(LocalBus):
    """Confirms a subscription when the test says so. `left` are the channels that were left."""

    def __init__(self, room: Room) -> None:
        super().__init__(room.dispatch, MEMBER_EVENTS, room.clock)
        self.late: list[Callable[[], None]] = []
        self.left: list[str] = []

    def enter(self, request: EnterRequest, on_entered: Callable[[ChannelSnapshot], None]) -> None:
        enter = super().enter
        self.late.append(lambda: enter(request, on_entered))

    def leave(self, app_id: str, channel: str, user_id: str | None) -> None:
        super().leave(app_id, channel, user_id)
        self.left.append(channel)

    def confirm(self) -> None:
        late, self.late = self.late, []
        for enter in late:
            enter()


class LateRoom(Room):
    bus: LateBus

    def __init__(self) -> None:
        super().__init__()
        self.bus = LateBus(self)


@pytest.fixture
def late() -> LateRoom:
    return LateRoom()


def relay(channel: str, number: int) -> dict[str, object]:
    return {"event": "client-e", "channel": channel, "data": number}


def heard_of(client: Client) -> list[tuple[object, object]]:
    return [(event["event"], event.get("data")) for event in client.heard()]


def test_nothing_is_said_before_it_is_confirmed(late: LateRoom) -> None:
    client = late.client(APP)
    assert client.subscribe("a") == []
    assert client.subscribe("b") == []
    late.bus.confirm()
    assert client.heard() == [succeeded("a"), succeeded("b")]
    assert late.bus.left == []


def test_messages_about_the_channel_wait_and_keep_their_order(late: LateRoom) -> None:
    other, client = late.client(APP), late.client(APP)
    for channel in ("private-a", "private-b"):
        other.subscribe(channel)
    late.bus.confirm()
    other.heard()
    client.subscribe("private-a")
    for number in range(3):
        assert client.say(relay("private-a", number)) == []
    assert other.heard() == []
    assert client.say({"event": "pusher:ping"}) != []  # what is about no channel does not wait
    late.bus.confirm()
    assert client.heard() == [succeeded("private-a")]
    assert heard_of(other) == [("client-e", number) for number in range(3)]
    client.say(relay("private-a", 3))
    assert heard_of(other) == [("client-e", 3)]


def test_leaving_meanwhile_is_done_afterwards(late: LateRoom) -> None:
    client = late.client(APP)
    client.subscribe("a")
    client.say({"event": "pusher:unsubscribe", "data": {"channel": "a"}})
    assert late.bus.left == []
    late.bus.confirm()
    assert client.heard() == [succeeded("a")]
    assert late.bus.left == ["a"]
    assert client.session.channels == {}


def test_subscribing_twice_meanwhile_is_answered_twice_and_counts_once(late: LateRoom) -> None:
    client = late.client(APP)
    client.subscribe("a")
    client.subscribe("a")
    assert len(late.bus.late) == 1
    late.bus.confirm()
    assert client.heard() == [succeeded("a")]
    late.bus.confirm()  # the second one, which had waited for the first
    assert client.heard() == [succeeded("a")]
    assert late.bus.left == ["a"]  # what it had counted too much
    assert list(client.session.channels) == ["a"]


def test_a_client_that_is_gone_before_it_is_confirmed_leaves_nothing(late: LateRoom) -> None:
    client = late.client(APP)
    client.subscribe("a")
    client.session.closed()
    late.bus.confirm()
    assert client.heard() == []
    assert late.bus.left == ["a"]
    assert late.state(APP).channels == {}


def test_no_more_than_a_hundred_messages_wait(late: LateRoom) -> None:
    client = late.client(APP)
    client.subscribe("private-a")
    for number in range(MAX_DEFERRED):
        assert client.say(relay("private-a", number)) == []
    assert MAX_DEFERRED == 100
    (error,) = client.say(relay("private-a", 100))
    assert (error["event"], error["data"]["code"]) == ("pusher:error", 4100)


FEW = an_app(limits=AppLimits(max_presence_members=1))


def test_messages_about_the_channel_wait_for_its_refusal(late: LateRoom) -> None:
    late.client(FEW).subscribe("presence-a", '{"user_id":"1"}')
    late.bus.confirm()
    client = late.client(FEW)
    client.subscribe("presence-a", '{"user_id":"2"}')
    assert client.say(relay("presence-a", 1)) == []
    assert client.say({"event": "pusher:unsubscribe", "data": {"channel": "presence-a"}}) == []
    late.bus.confirm()
    *told, last = client.heard()
    assert refusal(told) == (4301, "LimitReached", 4100)
    assert last["data"]["message"] == "The client is not a member of the specified channel."
    assert (client.session.pending, client.session.channels, late.bus.left) == ({}, {}, [])


def test_who_was_refused_and_has_gone_has_nothing_to_leave(late: LateRoom) -> None:
    late.client(FEW).subscribe("presence-a", '{"user_id":"1"}')
    late.bus.confirm()
    client = late.client(FEW)
    client.subscribe("presence-a", '{"user_id":"2"}')
    client.session.closed()
    late.bus.confirm()
    assert (client.heard(), late.bus.left) == ([], [])
    assert late.bus.describe("app1", ["presence-a"])[0].subscription_count == 1
