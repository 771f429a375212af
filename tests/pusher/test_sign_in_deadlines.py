"""Who has not signed in when its time is over is ended, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator

from revurb.pusher.sign_in_deadlines import SignInDeadlines
from tests.pusher.room import Client, Room, an_app

APP = an_app(user_authentication_timeout_s=30)
ENDED = [
    {"event": "pusher:error", "data": {"code": 4009, "message": "Connection not authorized within timeout."}}
]


def test_who_does_not_sign_in_is_closed(room: Room) -> None:
    deadlines = room.registry.sign_in_deadlines
    deadlines.tick(1000.0)
    late, signed_in, gone, elsewhere = (
        room.client(APP),
        room.client(APP),
        room.client(APP),
        room.client(an_app(id="2")),
    )
    deadlines.tick(1010.0)
    later = room.client(APP)
    signed_in.sign_in("1")
    signed_in.heard()
    gone.session.closed()
    deadlines.tick(1029.9)
    assert late.heard() == []
    deadlines.tick(1030.0)
    assert late.heard() == ENDED
    assert late.outlet.closed_with == (4009, "Connection not authorized within timeout.")
    deadlines.tick(1040.0)
    assert later.heard() == ENDED
    late.session.closed()
    deadlines.tick(2000.0)
    for client in (signed_in, gone, elsewhere):
        assert (client.heard(), client.outlet.closed_with) == ([], None)
    assert not deadlines.waiting


def test_a_refused_sign_in_is_none(room: Room) -> None:
    client = room.client(APP)
    client.say({"event": "pusher:signin", "data": {"auth": "key1:0", "user_data": '{"id":"1"}'}})
    assert client.heard() == []
    room.registry.sign_in_deadlines.tick(30.0)
    assert client.outlet.closed_with is not None


def test_each_time_has_its_own_order(room: Room) -> None:
    deadlines = room.registry.sign_in_deadlines
    slow, fast = room.client(an_app(user_authentication_timeout_s=60)), room.client(APP)
    deadlines.tick(30.0)
    assert (slow.heard(), fast.heard()) == ([], ENDED)
    deadlines.tick(60.0)
    assert slow.heard() == ENDED


def test_nobody_who_has_gone_is_kept(room: Room) -> None:
    deadlines = room.registry.sign_in_deadlines
    for _ in range(100):
        room.client(APP).session.closed()
    assert not deadlines.waiting
    one = room.client(APP)
    assert deadlines.waiting
    one.session.app_state.app = an_app()  # the option was taken away meanwhile
    one.session.closed()
    assert not deadlines.waiting


def test_many_are_ended_in_steps() -> None:
    steps: list[Iterator[None]] = []
    room = Room(work=steps.append)
    clients: list[Client] = [room.client(APP) for _ in range(3)]
    deadlines: SignInDeadlines = room.registry.sign_in_deadlines
    deadlines.tick(30.0)
    assert [client.outlet.closed_with for client in clients] == [None] * 3
    next(steps[0])
    assert [client.heard() for client in clients] == [ENDED, [], []]
    clients[1].sign_in("1")  # just in time
    for _ in steps[0]:
        pass
    assert [client.outlet.closed_with is not None for client in clients] == [True, False, True]
    assert not deadlines.waiting


def test_time_passes_between_the_end_of_the_last_and_the_next_step() -> None:
    steps: list[Iterator[None]] = []
    room = Room(work=steps.append)
    client = room.client(APP)
    deadlines = room.registry.sign_in_deadlines
    deadlines.tick(30.0)
    next(steps[0])
    assert client.heard() == ENDED
    deadlines.tick(30.25)
    late = room.client(APP)  # who has its own time
    for each in steps:
        assert list(each) == []
    assert late.outlet.closed_with is None
    deadlines.tick(60.25)
    for _ in steps[-1]:
        pass
    assert late.heard() == ENDED
