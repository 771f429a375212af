import pytest

from revurb.bus.cache import ENTRY_BYTES, EventCache
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
    assert len(cache._apps["app1"].events) == 1


def test_the_oldest_events_of_an_app_give_way_where_they_take_too_much(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    cache = EventCache(clock, max_bytes_per_app=3 * (ENTRY_BYTES + 101))
    cache.put("app2", "a", b"x" * 100, 10)
    for channel in "abcab":  # the fourth and fifth take the place of the first and second
        cache.put("app1", channel, b"x" * 100, 10)
    assert cache.dropped_total == 0
    cache.put("app1", "d", b"x" * 100, 10)
    cache.put("app1", "e", b"x" * 100, 10)
    assert [key for key, _ in cache.items()] == [("app2", "a"), ("app1", "b"), ("app1", "d"), ("app1", "e")]
    assert cache.dropped_total == 2
    assert len(caplog.records) == 1, "one line a minute"
    assert "REVURB_MAX_CACHED_BYTES" in caplog.records[0].limit  # type: ignore[attr-defined]
    clock.now += 60
    cache.expire()
    assert not cache._apps
    cache.put("app1", "f", b"x" * 10_000, 10)
    assert cache.get("app1", "f") is None, "one that is larger than all may be"
    assert len(caplog.records) == 2
