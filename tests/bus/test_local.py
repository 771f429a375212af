"""The bus of a node that is alone; what it shares with the others is in test_engine.py."""

from revurb.bus.engine import BusHealth
from revurb.bus.local import LocalBus
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import PublishedEvent
from tests.bus.engines import APP, BusNode


async def test_everything_is_done_when_the_call_returns() -> None:
    node = BusNode("node0")
    bus = LocalBus(node, MEMBER_EVENTS, lambda: 0.0)
    bus.publish(PublishedEvent(APP, "news", b"1"))
    assert node.texts() == [b"1"]
    bus.terminate(APP, "ann")
    assert node.terminated == ["ann"]
    assert bus.survey(b"who?", 5) == [b"who? node0"]
    assert bus.degraded is None
    assert bus.health == BusHealth(topics=0)  # nothing waits, is dropped, missed or invalid


async def test_cached_events_expire_with_the_ticks() -> None:
    now = 0.0
    bus = LocalBus(BusNode("node0"), MEMBER_EVENTS, lambda: now)
    bus.publish(PublishedEvent(APP, "cache-a", b"1", cache_ttl_s=10))
    now = 9.0
    bus.tick()
    [state] = bus.describe(APP, ["cache-a"])
    assert state.cached is not None
    now = 10.0
    bus.tick()
    [state] = bus.describe(APP, ["cache-a"])
    assert state.cached is None
