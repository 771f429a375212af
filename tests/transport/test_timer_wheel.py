"""When the wheel calls, and what it keeps."""

import sys
import weakref

import pytest

from revurb.transport.timer_wheel import NEAR_TICKS, TICK_S, Tick, TimerWheel


class Item:
    def __init__(self, *answers: float | None) -> None:
        self.wheel_tick: Tick | None = None
        self.looked_at: list[float] = []
        self.answers = list(answers)

    def on_due(self, now: float) -> float | None:
        self.looked_at.append(now)
        return self.answers.pop(0) if self.answers else None


def turn_to(wheel: TimerWheel, end: float, step: float = TICK_S) -> None:
    while wheel.now < end:
        wheel.turn(wheel.now + step)


def test_never_early_and_at_most_a_tick_late() -> None:
    wheel = TimerWheel(100.0)
    items = {due: Item() for due in (100.01, 100.25, 101.3, 107.77)}
    for due, item in items.items():
        wheel.schedule(item, due)
    turn_to(wheel, 110.0, step=0.05)
    for due, item in items.items():
        (looked_at,) = item.looked_at
        assert due <= looked_at <= due + TICK_S + 0.05


def test_an_item_is_looked_at_again_when_it_asks_for_it() -> None:
    wheel, item = TimerWheel(0.0), Item(2.0, 4.0, None)
    wheel.schedule(item, 1.0)
    turn_to(wheel, 10.0)
    assert item.looked_at == [1.0, 2.0, 4.0]


def test_scheduling_again_replaces_and_cancelling_removes() -> None:
    wheel, moved, cancelled = TimerWheel(0.0), Item(), Item()
    wheel.schedule(moved, 1.0)
    wheel.schedule(moved, 3.0)
    wheel.schedule(cancelled, 1.0)
    wheel.cancel(cancelled)
    wheel.cancel(cancelled)
    turn_to(wheel, 5.0)
    assert (moved.looked_at, cancelled.looked_at) == ([3.0], [])


def test_a_late_turn_misses_nothing() -> None:
    wheel, first, second = TimerWheel(0.0), Item(), Item()
    wheel.schedule(second, 2.0)
    wheel.schedule(first, 1.0)
    wheel.turn(60.0)
    assert (first.looked_at, second.looked_at) == ([60.0], [60.0])


@pytest.mark.parametrize("due", [10.0, 50.0], ids=["long-ago", "now"])
def test_what_is_overdue_is_looked_at_in_the_next_turn(due: float) -> None:
    wheel, item = TimerWheel(50.0), Item()
    wheel.schedule(item, due)
    wheel.turn(50.25)
    assert item.looked_at == [50.25]


@pytest.mark.parametrize("later", [5.0, 1.0 + NEAR_TICKS * TICK_S], ids=["soon", "a-round-later"])
def test_items_may_move_each_other(later: float) -> None:
    wheel = TimerWheel(0.0)
    items: list[Item] = []

    class Mover(Item):
        def on_due(self, now: float) -> float | None:
            super().on_due(now)
            for item in items:
                if item is not self and not item.looked_at:
                    wheel.schedule(item, later)
            return None

    items += [Mover(), Mover()]
    for item in items:
        wheel.schedule(item, 1.0)
    turn_to(wheel, 4.0)
    assert sorted(len(item.looked_at) for item in items) == [0, 1]
    turn_to(wheel, later)
    assert [len(item.looked_at) for item in items] == [1, 1]


def test_nothing_is_kept_of_an_item_that_waits_no_more() -> None:
    """Else a connection that is lost would take its memory until the time when it would have been pinged."""
    wheel = TimerWheel(0.0)
    moved, called = Item(), Item(3.0)
    for due in (9.0, 1000.0, 7.0):
        wheel.schedule(moved, due)
    wheel.schedule(called, 2.0)
    wheel.turn(2.0)
    wheel.cancel(moved)
    wheel.cancel(called)
    kept = [weakref.ref(moved), weakref.ref(called)]
    del moved, called
    assert [ref() for ref in kept] == [None, None]


def test_a_tick_that_many_waited_for_gives_back_its_table() -> None:
    wheel, items = TimerWheel(0.0), [Item() for _ in range(1000)]
    for item in items:
        wheel.schedule(item, 1.0)
    tick = items[0].wheel_tick
    assert tick is not None
    for item in items:
        wheel.cancel(item)
    assert sys.getsizeof(tick) == sys.getsizeof({})


def test_the_sets_of_the_next_two_minutes_stay() -> None:
    """Made when they are needed, each would keep a megabyte from being returned."""
    wheel, first, second = TimerWheel(1000.0), Item(), Item()
    wheel.schedule(first, 1001.0)
    tick = first.wheel_tick
    assert tick is not None
    turn_to(wheel, 1002.0)
    wheel.schedule(second, 1001.0 + NEAR_TICKS * TICK_S)
    assert second.wheel_tick is tick


def test_the_time_before_the_start_is_not_gone_through() -> None:
    """A tick takes 0.2 us: of a machine that has run for a year, that would be half a minute."""
    wheel, item = TimerWheel(1e12), Item()
    wheel.schedule(item, 1e12 + 1)
    turn_to(wheel, 1e12 + 1)
    assert item.looked_at == [1e12 + 1]


def test_one_that_fails_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Item):
        def on_due(self, now: float) -> float | None:
            raise ZeroDivisionError

    wheel, item = TimerWheel(0.0), Item()
    for one in (Broken(), item, Broken()):
        wheel.schedule(one, 1.0)
    turn_to(wheel, 2.0)
    assert item.looked_at == [1.0]
    assert caplog.text.count("a timed connection failed") == 2


def test_what_is_far_away_waits_as_well() -> None:
    wheel, far, moved = TimerWheel(0.0), Item(), Item()
    wheel.schedule(far, 1000.0)
    wheel.schedule(moved, 1000.0)
    wheel.schedule(moved, NEAR_TICKS * TICK_S)
    turn_to(wheel, 2000.0)
    assert (far.looked_at, moved.looked_at) == ([1000.0], [NEAR_TICKS * TICK_S])


def test_a_whole_round_of_near_ticks_does_not_meet_itself() -> None:
    wheel = TimerWheel(0.0)
    due = [tick * TICK_S for tick in range(1, 2 * NEAR_TICKS)]
    items = [Item(at + (NEAR_TICKS - 1) * TICK_S, at + (2 * NEAR_TICKS) * TICK_S) for at in due]
    for item, at in zip(items, due, strict=True):
        wheel.schedule(item, at)
    turn_to(wheel, 5 * NEAR_TICKS * TICK_S)
    for item, at in zip(items, due, strict=True):
        assert item.looked_at == [at, at + (NEAR_TICKS - 1) * TICK_S, at + 2 * NEAR_TICKS * TICK_S]
