from revurb.bus.subscription_counts import MANY, MANY_EVERY_S, SubscriptionCounts

APP = "app1"


class Channel:
    """`told` are the counts that were told."""

    def __init__(self) -> None:
        self.now = 100.0
        self.told: list[int] = []
        self.counts = SubscriptionCounts(
            lambda: self.now, lambda app_id, channel, count: self.told.append(count)
        )

    def changed(self, *counts: int) -> None:
        for count in counts:
            self.counts.changed(APP, "news", count)
            self.counts.settle()

    def later(self, seconds: float) -> None:
        self.now += seconds
        self.counts.tick()


def test_few_are_told_of_each_change_once() -> None:
    channel = Channel()
    channel.changed(1, 2, 2, 1)
    assert channel.told == [1, 2, 1]


def test_of_changes_within_one_step_the_last_is_told() -> None:
    channel = Channel()
    for count in (1, 2, 3):
        channel.counts.changed(APP, "news", count)
    channel.counts.settle()
    channel.counts.settle()
    assert channel.told == [3]


def test_many_are_told_every_few_seconds_and_of_the_last_change() -> None:
    channel = Channel()
    channel.changed(MANY, MANY + 1, MANY + 2, MANY + 3)
    assert channel.told == [MANY]
    channel.later(MANY_EVERY_S / 2)
    assert channel.told == [MANY]
    channel.later(MANY_EVERY_S / 2)
    assert channel.told == [MANY, MANY + 3]
    channel.later(MANY_EVERY_S)
    assert channel.told == [MANY, MANY + 3]


def test_a_change_that_was_undone_is_not_told() -> None:
    channel = Channel()
    channel.changed(MANY + 1, MANY + 2, MANY + 1)
    channel.later(2 * MANY_EVERY_S)
    assert channel.told == [MANY + 1]


def test_fewer_again_are_told_at_once() -> None:
    channel = Channel()
    channel.changed(MANY + 1, MANY + 2, MANY)
    channel.later(2 * MANY_EVERY_S)
    assert channel.told == [MANY + 1, MANY]


def test_nobody_is_told_of_nobody_and_nothing_is_kept() -> None:
    channel = Channel()
    channel.changed(MANY + 1, MANY + 2, 0)
    channel.later(2 * MANY_EVERY_S)
    assert channel.told == [MANY + 1]
    channel.changed(MANY + 1)
    assert channel.told == [MANY + 1, MANY + 1]
