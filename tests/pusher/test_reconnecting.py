"""Whose connections are closed by a request to reconnect."""

from __future__ import annotations

import pytest

from revurb.pusher.reconnecting import ForceReconnect, outlets_of
from tests.pusher.room import Room, an_app


def test_a_channel_a_user_or_all_of_the_app_and_never_another(room: Room) -> None:
    app, other = an_app(), an_app(id="2", key="k2")
    ann, bob = room.client(app), room.client(app)
    foreign = room.client(other)
    foreign.subscribe("news")
    bob.subscribe("news")
    ann.subscribe("presence-r", '{"user_id":"7"}')

    def chosen(channel: str | None = None, user_id: str | None = None) -> list[object]:
        return list(outlets_of(room.registry, ForceReconnect(app.id, channel, user_id)))

    assert chosen() == [ann.session.outlet, bob.session.outlet]
    assert chosen(channel="news") == [bob.session.outlet]
    assert chosen(channel="empty") == chosen(user_id="8") == []
    assert chosen(user_id="7") == [ann.session.outlet]
    assert outlets_of(room.registry, ForceReconnect("unknown")) == []


@pytest.mark.parametrize(("percent", "count"), [(100, 30), (50, 15), (10, 3), (-5, 0), (1e308, 30)])
def test_a_share_of_them(room: Room, percent: float, count: int) -> None:
    clients = [room.client(an_app()) for _ in range(30)]
    chosen = outlets_of(room.registry, ForceReconnect(an_app().id, percent=percent))
    assert len(set(chosen)) == len(chosen) == count
    assert set(chosen) <= {client.session.outlet for client in clients}


def test_a_share_of_those_that_many_processes_have_one_each_of(room: Room) -> None:
    room.client(an_app())
    request = ForceReconnect(an_app().id, percent=10)
    assert (
        50 < sum(len(outlets_of(room.registry, request)) for _ in range(1000)) < 150
    )  # 5 standard deviations
