"""What is wanted of an app decides which facts are made; the ledger calls it (test_ledger.py, test_engine_facts.py)."""

import time

import pytest

from revurb.bus.fact_making import MAX_MISSES, MISS_EVERY_S, FactMaker
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.facts import (
    CACHE_MISSES,
    CLIENT_EVENTS,
    COUNT_EVENTS,
    COUNTS,
    MEMBERS,
    OCCUPANCY,
    Fact,
    now_ms,
    wanted_of,
)
from revurb.pusher.ports import PublishedEvent

APP = "app1"


class Made:
    def __init__(self, wanted: int) -> None:
        self.now = 0.0
        self.facts: list[Fact] = []
        self.published: list[PublishedEvent] = []
        self.maker = FactMaker(
            {APP: wanted}, MEMBER_EVENTS, self.facts.append, self.published.append, lambda: self.now
        )

    @property
    def kinds(self) -> list[str]:
        return [fact.kind for fact in self.facts]


def everything(maker: FactMaker, app_id: str, channel: str) -> None:
    maker.occupied(app_id, channel)
    maker.added(app_id, channel, "ann")
    maker.cache_missed(app_id, channel)
    maker.counted(app_id, channel, 1)
    maker.settle()
    maker.removed(app_id, channel, "ann")
    maker.vacated(app_id, channel)


@pytest.mark.parametrize(
    ("wanted", "kinds"),
    [
        (0, []),
        (CLIENT_EVENTS, []),
        (OCCUPANCY, ["channel_occupied", "channel_vacated"]),
        (MEMBERS, ["member_added", "member_removed"]),
        (CACHE_MISSES, ["cache_miss"]),
        (COUNTS, ["subscription_count"]),
        (COUNT_EVENTS, []),
    ],
)
def test_what_is_wanted_is_made(wanted: int, kinds: list[str]) -> None:
    made = Made(wanted)
    everything(made.maker, APP, "news")
    assert made.kinds == kinds
    assert len(made.published) == (wanted == COUNT_EVENTS)


def test_of_other_apps_and_the_servers_own_channels_nothing_is_made() -> None:
    made = Made(-1)
    everything(made.maker, "app2", "news")
    everything(made.maker, APP, "#server-to-user-ann")
    assert not made.facts
    assert not made.published


def test_members_are_not_counted_as_subscribers() -> None:
    made = Made(COUNTS | COUNT_EVENTS | OCCUPANCY)
    everything(made.maker, APP, "presence-room")
    assert made.kinds == ["channel_occupied", "channel_vacated"]
    assert not made.published
    assert wanted_of(COUNTS | MEMBERS, "presence-room") == MEMBERS


def test_a_fact_says_when_it_was_decided() -> None:
    made, before = Made(OCCUPANCY), time.time() * 1000
    made.maker.occupied(APP, "news")
    assert before - 1 <= made.facts[0].time_ms <= now_ms()


def test_a_cache_miss_is_told_once_in_a_while() -> None:
    made = Made(CACHE_MISSES)
    for _ in range(3):
        made.maker.cache_missed(APP, "cache-a")
    made.maker.cache_missed(APP, "cache-b")
    assert len(made.facts) == 2
    made.now += MISS_EVERY_S
    made.maker.cache_missed(APP, "cache-a")
    assert len(made.facts) == 3


def test_the_memory_of_cache_misses_is_bounded() -> None:
    made = Made(CACHE_MISSES)
    for number in range(MAX_MISSES + 10):
        made.maker.cache_missed(APP, f"cache-{number}")
    assert len(made.maker._missed_at) <= MAX_MISSES + 1
