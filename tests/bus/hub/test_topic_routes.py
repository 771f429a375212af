"""Which workers are sent a topic's events."""

from revurb.bus.hub.peer import Peer
from revurb.bus.hub.topic_routes import TopicRoutes
from tests.bus.hub.memory_writer import MemoryWriter

NEWS, OTHER = ("app1", "news"), ("app1", "other")


def test_a_topic_has_receivers_from_the_first_route_to_the_last() -> None:
    routes, one, two = TopicRoutes(), Peer(MemoryWriter(), 0), Peer(MemoryWriter(), 0)
    routes.add("n1", NEWS, one)
    routes.add("n1", NEWS, one)
    routes.add("n2", NEWS, two)
    assert routes.receivers == {NEWS: {"n1": one, "n2": two}}
    routes.remove("n1", NEWS)
    routes.remove("n1", NEWS)
    assert routes.receivers == {NEWS: {"n2": two}}
    routes.remove("n2", NEWS)
    assert routes.receivers == {}


def test_all_routes_of_a_node_can_be_removed() -> None:
    routes, one, two = TopicRoutes(), Peer(MemoryWriter(), 0), Peer(MemoryWriter(), 0)
    for key in (NEWS, OTHER):
        routes.add("n1", key, one)
    routes.add("n2", OTHER, two)
    for key in (*routes.topics("n1"), NEWS):
        routes.remove("n1", key)
    assert routes.topics("n1") == {}
    assert routes.receivers == {OTHER: {"n2": two}}


def test_a_route_that_does_not_exist_is_ignored() -> None:
    routes = TopicRoutes()
    routes.remove("n1", NEWS)
    routes.remove("n1", OTHER)
    assert routes.receivers == {}
