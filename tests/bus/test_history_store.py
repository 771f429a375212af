"""What the store keeps and forgets; what it answers is in test_engine_history.py."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from revurb.bus import history_store
from revurb.bus.history_store import HistoryStore, new_epoch
from revurb.pusher.history import EXPIRED, LIMIT, HistoryBounds, Position, Resume, read_position
from revurb.pusher.ports import PublishedEvent
from tests.pusher.room import Clock

APP = "app1"


class Store(HistoryStore):
    def __init__(self, newest: int = 0) -> None:
        self.clock = Clock()
        super().__init__("e", self.clock, newest)

    def put(
        self, channel: str, text: bytes = b"{}", size: int = 10, ttl_s: int = 60, most: int = 10**6
    ) -> int:
        event = PublishedEvent(APP, channel, text, number=self.newest + 1)
        self.keep(event, HistoryBounds(size, ttl_s, most))
        return self.newest

    def failure(self, channel: str, number: int) -> str:
        return self.replay(APP, channel, Resume(Position("e", number), "", 100, 10**6)).failure

    def kept(self, channel: str) -> int:
        return len(self.page(APP, channel, None, 1000).events)


def test_each_epoch_is_another_and_a_part_of_positions() -> None:
    epochs = {new_epoch() for _ in range(100)}
    assert len(epochs) == 100
    assert all(read_position(f"{epoch}-1") for epoch in epochs)


def test_nothing_is_left_of_what_has_expired_but_that_it_was() -> None:
    store = Store()
    store.put("long", ttl_s=600)
    before = store.size_bytes
    last = store.put("short", b"x" * 1000, ttl_s=5)
    store.clock.now += 6
    for _ in range(3):  # round after round
        store.expire()
    assert store.size_bytes == before
    assert store.failure("short", last) == ""
    assert store.failure("short", last - 1) == EXPIRED
    assert store.failure("long", 0) == ""


def test_a_channel_that_nobody_has_published_to_has_missed_nothing() -> None:
    store = Store(newest=7)  # of a log that had events before
    store.put("other")
    assert store.failure("quiet", 7) == ""
    assert store.failure("quiet", 6) == EXPIRED  # it may have had events then


def test_of_very_many_channels_that_have_ended_the_oldest_are_not_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history_store, "MAX_ENDED", 2)
    store = Store()
    for name in ("a", "b", "c"):
        store.put(name)
        store.forget(APP, name)
    assert [store.failure(name, number) for name, number in (("a", 1), ("b", 2), ("c", 3))] == ["", "", ""]
    assert store.failure("a", 0) == EXPIRED
    assert store.failure("never", 0) == EXPIRED  # it may have been one of those
    assert store.failure("never", 1) == ""


def test_the_channel_that_was_silent_for_longest_loses_its_events_first() -> None:
    store = Store()
    most = 3 * (1000 + history_store.ENTRY_BYTES + history_store.CHANNEL_BYTES + 1) + 100
    for name in ("a", "b", "a", "c"):
        store.put(name, b"x" * 1000, most=most)
    assert [store.kept(name) for name in ("a", "b", "c")] == [2, 0, 1]
    assert store.size_bytes <= most
    store.put("d", b"x" * 10_000, most=most)  # more than fits
    assert store.size_bytes == 0
    assert store.failure("d", store.newest) == ""
    assert store.failure("d", store.newest - 1) == EXPIRED


def test_after_a_loss_nobody_gets_what_came_before() -> None:
    store = Store()
    number = store.put("a")
    store.lose(number + 5)
    assert (store.size_bytes, store.kept("a")) == (0, 0)
    assert [store.failure("a", number), store.failure("b", number)] == [EXPIRED] * 2
    assert store.failure("a", number + 5) == ""


def test_apps_are_apart() -> None:
    store = Store()
    store.put("a", b'{"n":1}')
    assert not store.page("app2", "a", None, 10).events
    store.forget("app2", "a")
    assert store.kept("a") == 1


def test_many_channels_expire_in_slices() -> None:
    store = Store()
    for number in range(3 * history_store.SWEPT_CHANNELS):
        store.put(f"c{number}", ttl_s=1)
    store.clock.now += 2
    store.expire()  # the round begins
    before = store.size_bytes
    store.expire()
    assert 0 < store.size_bytes < before
    for _ in range(3):
        store.expire()
    assert store.size_bytes == 0


def cpu_s(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def test_of_very_many_channels_that_have_ended_none_is_looked_for_in_vain() -> None:
    """To end one takes as long as ever, however many others have been forgotten before."""
    store = Store()
    took = []
    for turn in range(3):
        for number in range(history_store.MAX_ENDED // 2):
            store.put(f"{turn}-{number}", ttl_s=1, most=10**9)
        store.clock.now += 2
        while store.size_bytes:
            took.append(cpu_s(store.expire))
    assert sorted(took)[-len(took) // 10] < 0.01  # a twentieth of that, and 40 ms if it looks for the oldest


def test_who_has_missed_too_much_is_told_so_at_once() -> None:
    """A client may ask for it again and again."""
    store = Store()
    for _ in range(50_000):
        store.put("news", size=50_000, most=10**9)
    resume = Resume(Position("e", 0), "", 1000, 10**6)
    assert store.replay(APP, "news", resume).failure == LIMIT
    assert min(cpu_s(lambda: store.replay(APP, "news", resume)) for _ in range(5)) < 0.001


def test_the_limits_are_of_what_is_repeated() -> None:
    store = Store()
    for _ in range(3):
        store.put("news", b"xx")
    assert store.replay(APP, "news", Resume(Position("e", 0), "", 3, 6)).events == [b"xx"] * 3
    assert store.replay(APP, "news", Resume(Position("e", 0), "", 2, 6)).failure == LIMIT
    assert store.replay(APP, "news", Resume(Position("e", 0), "", 3, 5)).failure == LIMIT
    assert store.replay(APP, "news", Resume(Position("e", 3), "", 0, 0)).failure == ""


def test_a_page_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """One event is in it in any case."""
    monkeypatch.setattr(history_store, "MAX_PAGE_BYTES", 25)
    store = Store()
    for number in range(4):
        store.put("news", b"%010d" % number)
    store.put("news", b"x" * 30)
    for after, limit in ((Position("e", 0), 9), (Position("other", 0), 9), (None, 9), (None, 4)):
        page = store.page(APP, "news", after, limit)
        first = 0 if limit == 9 else 1
        assert (page.events, page.has_more) == ([b"%010d" % first, b"%010d" % (first + 1)], True)
    assert store.page(APP, "news", Position("e", 4), 9).events == [b"x" * 30]
    last = store.page(APP, "news", None, 1)
    assert (last.events, last.has_more) == ([b"x" * 30], False)


def test_what_is_known_of_channels_that_have_ended_is_bounded_in_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Names may be long."""
    monkeypatch.setattr(history_store, "MAX_ENDED_BYTES", 2500)
    store = Store()
    for name in ("a", "b", "c"):
        store.put(name * 1000)
        store.forget(APP, name * 1000)
    assert [store.failure(name * 1000, 0) for name in ("a", "b", "c")] == [EXPIRED] * 3
    assert store.failure("never", 0) == EXPIRED
    assert store.failure("never", 1) == ""
    store.put("b" * 1000)
    store.put("d")
    store.forget(APP, "d")
    assert store.failure("never", 1) == ""
