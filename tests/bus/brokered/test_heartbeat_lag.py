"""How far behind a process hears, by its beats. Times are made up."""

from revurb.bus.brokered.heartbeat_lag import HeartbeatLag


def test_nothing_is_known_before_the_first() -> None:
    beats = HeartbeatLag(now=100.0)
    assert beats.lag_s(100.0) is None
    assert beats.heard_at == 100.0


def test_the_lag_is_what_the_last_one_took() -> None:
    beats = HeartbeatLag(now=0.0)
    for sent_at, took_s in ((0.0, 0.25), (2.5, 0.5), (5.0, 0.125)):
        number = beats.send(sent_at)
        beats.came_back(sent_at + took_s, number)
        assert beats.lag_s(sent_at + 2.0) == took_s
        assert beats.heard_at == sent_at + took_s


def test_one_that_is_under_way_for_longer_makes_it_grow() -> None:
    beats = HeartbeatLag(now=0.0)
    assert beats.send(0.0) == 1
    assert beats.lag_s(0.5) == 0.5  # the first: nothing else is known
    beats.came_back(1.0, 1)
    assert beats.send(2.0) == 2
    assert beats.lag_s(2.5) == 1.0  # as long as the last one took, nothing is wrong yet
    assert beats.send(4.0) == 3
    assert [beats.lag_s(now) for now in (4.0, 5.0, 9.0)] == [2.0, 3.0, 7.0]  # the oldest counts
    beats.came_back(9.5, 2)
    assert beats.lag_s(9.5) == 7.5
    beats.came_back(9.5, 3)
    assert beats.lag_s(9.5) == 5.5


def test_those_before_one_that_is_back_are_not_waited_for() -> None:
    beats = HeartbeatLag(now=0.0)
    for now in (0.0, 1.0, 2.0):
        beats.send(now)
    beats.came_back(2.5, 3)
    assert beats.lag_s(60.0) == 0.5


def test_one_that_comes_twice_or_was_never_sent_says_nothing() -> None:
    beats = HeartbeatLag(now=0.0)
    number = beats.send(0.0)
    beats.came_back(0.5, number)
    beats.came_back(7.0, number)
    beats.came_back(8.0, 0)
    beats.came_back(9.0)
    assert (beats.lag_s(10.0), beats.heard_at) == (0.5, 0.5)


def test_without_numbers_the_oldest_is_back() -> None:
    beats = HeartbeatLag(now=0.0)
    beats.send(0.0)
    beats.send(1.0)
    beats.came_back(1.25)
    assert beats.lag_s(3.0) == 2.0  # the second
    beats.came_back(3.5)
    assert beats.lag_s(9.0) == 2.5
