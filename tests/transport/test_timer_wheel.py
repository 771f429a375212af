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


def test_what_is_overdue_is_looked_at_in_the_next_turn() -> None:
    wheel, item = TimerWheel(50.0), Item()
    wheel.schedule(item, 10.0)
    wheel.turn(50.25)
    assert item.looked_at == [50.25]


def test_items_may_move_and_cancel_each_other() -> None:
    wheel = TimerWheel(0.0)
    items: list[Item] = []

    class Mover(Item):
        def on_due(self, now: float) -> float | None:
            super().on_due(now)
            for item in items:
                if item is not self and not item.looked_at:
                    wheel.schedule(item, 5.0)
            return None

    items += [Mover(), Mover()]
    for item in items:
        wheel.schedule(item, 1.0)
    turn_to(wheel, 4.0)
    assert sorted(len(item.looked_at) for item in items) == [0, 1]
    turn_to(wheel, 6.0)
    assert [len(item.looked_at) for item in items] == [1, 1]


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
