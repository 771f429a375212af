from revurb.apps import RateLimit
from revurb.pusher.rate_limit import MessageWindow, per_second


def test_the_window_starts_with_the_first_message_after_the_last_one() -> None:
    window = MessageWindow(RateLimit(max_attempts=2, decay_s=10))
    assert [window.take(now) for now in (5, 6, 7, 14.9, 15, 24, 24.5)] == [
        True,
        True,
        False,
        False,
        True,
        True,
        False,
    ]


def test_a_window_of_a_second() -> None:
    window = per_second(2)
    assert [window.take(now) for now in (5, 5.9, 5.99, 6, 6.5, 6.9)] == [True, True, False, True, True, False]
