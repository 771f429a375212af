"""How far a node is behind in receiving, by its heartbeats. Times are made up."""

from revurb.bus.brokered.heartbeat_lag import HeartbeatLag


def test_nothing_is_known_before_the_first() -> None:
    lag = HeartbeatLag(now=100.0)
    assert lag.lag_s(100.0) is None
    assert lag.returned_at == 100.0


def test_the_lag_is_what_the_last_one_took() -> None:
    lag = HeartbeatLag(now=0.0)
    for sent_at, took_s in ((0.0, 0.25), (2.5, 0.5), (5.0, 0.125)):
        number = lag.sent(sent_at)
        lag.returned(sent_at + took_s, number)
        assert lag.lag_s(sent_at + 2.0) == took_s
        assert lag.returned_at == sent_at + took_s


def test_one_that_is_under_way_for_longer_makes_it_grow() -> None:
    lag = HeartbeatLag(now=0.0)
    assert lag.sent(0.0) == 1
    assert lag.lag_s(0.5) == 0.5  # the first: nothing else is known
    lag.returned(1.0, 1)
    assert lag.sent(2.0) == 2
    assert lag.lag_s(2.5) == 1.0  # as long as the last one took, nothing is wrong yet
    assert lag.sent(4.0) == 3
    assert [lag.lag_s(now) for now in (4.0, 5.0, 9.0)] == [2.0, 3.0, 7.0]  # the oldest counts
    lag.returned(9.5, 2)
    assert lag.lag_s(9.5) == 7.5
    lag.returned(9.5, 3)
    assert lag.lag_s(9.5) == 5.5


def test_those_before_one_that_is_back_are_not_waited_for() -> None:
    lag = HeartbeatLag(now=0.0)
    for now in (0.0, 1.0, 2.0):
        lag.sent(now)
    assert lag.returned(2.5, 3)  # the others are lost
    assert lag.lag_s(60.0) == 0.5


def test_one_that_was_not_sent_is_not_lost() -> None:
    lag = HeartbeatLag(now=0.0)
    for now in (0.0, 1.0, 2.0):
        lag.sent(now)
    assert not lag.returned(2.5, 1)
    lag.forget(2)
    lag.forget(7)
    assert not lag.returned(3.0, 3)
    assert lag.lag_s(60.0) == 1.0


def test_one_that_comes_twice_or_was_never_sent_says_nothing() -> None:
    lag = HeartbeatLag(now=0.0)
    number = lag.sent(0.0)
    lag.returned(0.5, number)
    lag.returned(7.0, number)
    lag.returned(8.0, 0)
    lag.returned(9.0)
    assert (lag.lag_s(10.0), lag.returned_at) == (0.5, 0.5)


def test_without_numbers_the_oldest_is_back() -> None:
    lag = HeartbeatLag(now=0.0)
    lag.sent(0.0)
    lag.sent(1.0)
    lag.returned(1.25)
    assert lag.lag_s(3.0) == 2.0  # the second
    lag.returned(3.5)
    assert lag.lag_s(9.0) == 2.5


def test_only_what_was_sent_and_is_not_back_is_in_flight() -> None:
    lag = HeartbeatLag(now=0.0)
    assert not lag.is_in_flight(0)
    for number in (1, 2, 3):
        assert lag.sent(0.0) == number
    assert [lag.is_in_flight(number) for number in (0, 1, 2, 3, 4)] == [False, True, True, True, False]
    lag.returned(1.0, 2)
    assert [lag.is_in_flight(number) for number in (1, 2, 3, 4)] == [False, False, True, False]
