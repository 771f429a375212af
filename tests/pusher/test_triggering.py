"""Events that the application triggers."""

from revurb.pusher.ports import PublishedEvent
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
