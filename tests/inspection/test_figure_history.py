from __future__ import annotations

from revurb.inspection.figure_history import COLUMNS, FIGURES, ROWS, FigureHistory


class History:
    """A FigureHistory whose clock and first figure are `now`."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.history = FigureHistory(
            lambda: (self.now, *[0.5] * (len(FIGURES) - 1)), now_s=lambda: self.now + 5000
        )

    def tick(self, seconds: float) -> None:
        self.now += seconds
        self.history.tick(self.now)

    def times(self, after_ms: int = 0) -> list[float]:
        return [row[0] for row in self.history.rows(after_ms)]


def test_there_is_a_row_each_second() -> None:
    there = History()
    for _ in range(12):
        there.tick(0.25)
    assert there.times() == [6_000_250, 6_001_250, 6_002_250]
    assert all(len(row) == len(COLUMNS) for row in there.history.rows(0))
    assert there.history.rows(0)[-1][1:3] == [1002.25, 0.5]
    assert there.times(after_ms=6_001_250) == [6_002_250]
    assert there.times(after_ms=6_002_250) == []


def test_ticks_that_are_late_do_not_add_up() -> None:
    there = History()
    for _ in range(100):
        there.tick(0.26)
    assert len(there.times()) == 26


def test_a_process_that_stood_still_has_no_rows_of_that_time() -> None:
    there = History()
    there.tick(0)
    there.tick(30)
    for _ in range(4):
        there.tick(0.1)
    assert there.times() == [6_000_000, 6_030_000]


def test_ten_minutes_are_kept() -> None:
    there = History()
    for _ in range(ROWS + 50):
        there.tick(1)
    times = there.times()
    assert len(times) == ROWS
    assert times[-1] - times[0] == (ROWS - 1) * 1000


def test_a_clock_that_is_set_back_hides_nothing() -> None:
    now_s = 5000.0
    history = FigureHistory(lambda: [0.0] * len(FIGURES), lambda: now_s)
    for second in range(3):
        history.tick(float(second))
        now_s += 1
    last_ms = history.rows(0)[-1][0]
    now_s = 1000.0  # an hour and more
    history.tick(3.0)
    assert [row[0] for row in history.rows(int(last_ms))] == [1_000_000]
    now_s += 1
    history.tick(4.0)
    assert [row[0] for row in history.rows(1_000_000)] == [1_001_000]
    assert [row[0] for row in history.rows(1_001_000)] == []
