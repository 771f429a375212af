from revurb.bus.cache import EventCache
from tests.pusher.room import Clock


def test_an_event_is_remembered_for_its_time() -> None:
    clock = Clock()
    cache = EventCache(clock)
    cache.put("app1", "cache-a", b"1", 10)
    clock.now += 4
    cached = cache.get("app1", "cache-a")
    assert cached is not None
    assert cached.text == b"1"
    assert cached.ttl_s == 6
    assert cache.get("app2", "cache-a") is None
    clock.now += 6
    assert cache.get("app1", "cache-a") is None


def test_expired_events_are_let_go_and_renewed_ones_stay() -> None:
    clock = Clock()
    cache = EventCache(clock)
    cache.put("app1", "cache-a", b"1", 10)
    cache.put("app1", "cache-b", b"2", 10)
    clock.now += 5
    cache.put("app1", "cache-a", b"3", 10)
    clock.now += 5
    cache.expire()
    assert [key for key, _ in cache.items()] == [("app1", "cache-a")]
    assert len(cache._events) == 1
