from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revurb.pusher.facts import Fact, QueuedFact
from revurb.webhooks import smoothing
from revurb.webhooks.smoothing import FACT_BYTES, Smoothing

MANY = 10_000
START_MS = 1_700_000_000_000


class Told:
    """Facts by short names through a Smoothing of 3 s, at the seconds that are given."""

    def __init__(self, smoothing_s: float = 3, max_bytes: int = 1_000_000) -> None:
        self.smoothing = Smoothing(smoothing_s, max_bytes)
        self.now = 0.0
        self._ids = itertools.count(1)

    def at(self, now: float, *names: str, made_at: float | None = None, was_sent: bool = False) -> list[str]:
        """The facts that go on when those of `names` come; a name is a kind, and a user after a colon."""
        self.now = now
        passed = list(self.smoothing.release(now, MANY))
        for name in names:
            kind, _, user = name.partition(":")
            channel, _, kind = kind.rpartition("/")
            made = now if made_at is None else made_at
            fact = Fact(kind, "1", channel, START_MS + round(made * 1000), user_id=user)
            queued = QueuedFact(f"{next(self._ids)}", fact)
            now_ms = START_MS + round(now * 1000)
            accepted = self.smoothing.accept(queued, now, now_ms, was_sent=was_sent)
            passed += [] if accepted is None else [accepted]
        passed += self.smoothing.release(now, MANY)
        return _names(passed)


def _names(facts: Sequence[QueuedFact]) -> list[str]:
    return [
        (f"{fact.channel}/" if fact.channel else "")
        + fact.kind
        + (f":{fact.user_id}" if fact.user_id else "")
        for _, fact in facts
    ]


def test_facts_that_undo_each_other_vanish() -> None:
    told = Told()
    assert told.at(0, "channel_occupied", "member_added:a") == ["channel_occupied", "member_added:a"]
    assert told.at(1, "member_removed:a", "channel_vacated") == []
    assert told.at(2, "channel_occupied", "member_added:a") == []
    assert told.smoothing.vanished == ["4", "5", "3", "6"]
    assert told.at(100) == []
    assert told.smoothing.count == 0
    assert told.smoothing.next_due is None


def test_what_is_not_undone_is_told_after_three_seconds() -> None:
    told = Told()
    assert told.at(10, "member_removed:a") == []
    due = [told.smoothing.next_due]
    assert told.at(12.9) == []
    assert told.at(13) == ["member_removed:a"]
    assert [*due, told.smoothing.next_due] == [13, None]
    assert told.at(13, "member_added:a") == ["member_added:a"]


def test_what_comes_behind_waits_with_it_in_order() -> None:
    told = Told()
    assert told.at(0, "member_removed:a", "client_event", "member_added:b", "cache_miss") == []
    assert told.at(1, "other/client_event") == ["other/client_event"]
    assert told.at(3) == ["member_removed:a", "client_event", "member_added:b", "cache_miss"]


def test_what_waits_only_behind_another_can_be_undone_too() -> None:
    told = Told()
    assert told.at(0, "member_removed:a", "member_added:b", "client_event", "member_removed:b") == []
    assert told.smoothing.vanished == ["2", "4"]
    assert told.at(3) == ["member_removed:a", "client_event"]


def test_a_fact_that_is_first_no_more_waits_for_its_own_time() -> None:
    told = Told()
    told.at(0, "member_removed:a")
    told.at(1, "member_removed:b", "client_event")
    assert told.at(3) == ["member_removed:a"]
    assert told.at(3.5, "member_added:b") == ["client_event"]
    assert told.smoothing.count == 0


def test_members_of_one_channel_are_not_those_of_another() -> None:
    told = Told()
    assert told.at(0, "x/member_removed:a") == []
    assert told.at(0, "y/member_added:a", "x/channel_occupied") == ["y/member_added:a"]
    assert told.at(3) == ["x/member_removed:a", "x/channel_occupied"]


def test_time_counts_from_when_it_was_decided() -> None:
    told = Told()
    assert told.at(10, "member_removed:a", made_at=8) == []
    assert told.at(10.9) == []
    assert told.at(11) == ["member_removed:a"]
    assert told.at(20, "member_removed:b", made_at=15) == ["member_removed:b"]


def test_a_clock_that_is_ahead_holds_nothing_up_for_longer() -> None:
    told = Told()
    assert told.at(10, "member_removed:a", made_at=500) == []
    assert told.at(13) == ["member_removed:a"]


def test_without_smoothing_all_passes() -> None:
    told = Told(smoothing_s=0)
    assert told.at(0, "member_removed:a", "member_added:a") == ["member_removed:a", "member_added:a"]
    assert not told.smoothing.vanished


def test_what_is_said_again_vanishes() -> None:
    """A hub died, and the next one does not know what it had told."""
    told = Told()
    assert told.at(0, "channel_occupied", "member_added:a") == ["channel_occupied", "member_added:a"]
    assert told.at(1, "channel_occupied", "member_added:a", "member_added:b") == ["member_added:b"]
    assert told.at(2, "member_removed:a", "channel_vacated", "channel_vacated", "member_removed:a") == []
    assert told.at(3, "channel_occupied", "member_added:a") == []
    assert told.at(4, "channel_vacated") == []
    assert told.at(7) == ["channel_vacated"]
    assert told.at(8, "channel_vacated", "channel_occupied") == ["channel_occupied"]
    assert told.at(9, "channel_occupied", was_sent=True) == ["channel_occupied"]
    assert told.at(9, "other/channel_occupied") == ["other/channel_occupied"]
    assert told.smoothing.count == 0


def test_what_was_said_is_remembered_of_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smoothing, "MAX_THINGS", 2)
    told = Told(smoothing_s=0)
    told.at(0, "a/channel_occupied", "b/channel_occupied", "a/channel_vacated", "c/channel_occupied")
    assert told.at(0, "a/channel_vacated", "b/channel_occupied") == ["b/channel_occupied"]


def test_what_somebody_was_told_of_cannot_be_undone() -> None:
    told = Told()
    assert told.at(0, "member_removed:b") == []
    assert told.at(0, "member_removed:a", was_sent=True) == ["member_removed:b", "member_removed:a"]
    assert told.at(1, "member_added:a") == ["member_added:a"]
    assert told.smoothing.count == 0


def test_beyond_its_memory_the_oldest_goes_on_at_once() -> None:
    told = Told(max_bytes=3 * FACT_BYTES)
    told.at(0, "x/member_removed:a", "y/member_removed:b")
    assert told.at(1, "z/member_removed:c") == ["x/member_removed:a"]
    assert told.smoothing.count == 2
    assert not told.smoothing.is_over


def test_release_stops_at_its_limit_and_goes_on() -> None:
    told = Told()
    told.at(0, *(f"c{number}/channel_vacated" for number in range(20)), *["c0/client_event"] * 30)
    parts = [told.smoothing.release(3, 20) for _ in range(4)]
    assert [len(part) for part in parts] == [20, 20, 10, 0]
    assert _names(parts[0]) == ["c0/channel_vacated", *["c0/client_event"] * 19]
    assert told.smoothing.count == 0


def test_release_looks_at_no_more_than_it_may() -> None:
    """Facts that vanished are looked at when they would have been due, perhaps all at the same time."""
    told = Told()
    told.at(0, *["channel_vacated", "channel_occupied"] * 100, "other/channel_vacated")
    released = [len(told.smoothing.release(3, 10)) for _ in range(10)]
    assert sum(released) == 1
    assert released[0] == 0


def test_all_can_be_released_at_the_end() -> None:
    told = Told()
    told.at(0, "member_removed:a", "client_event", "other/channel_vacated")
    assert sorted(_names(told.smoothing.release_all())) == [
        "client_event",
        "member_removed:a",
        "other/channel_vacated",
    ]
    assert (told.smoothing.count, told.smoothing.next_due) == (0, None)
    assert told.at(0, "member_removed:b") == ["member_removed:b"]


def test_many_facts_on_one_channel_take_linear_time() -> None:
    """100,000 that each wait behind the first: with a plain dict, taking them out took minutes."""
    told = Told(max_bytes=1 << 30)
    told.at(0, *(f"member_removed:{number}" for number in range(100_000)))
    assert len(told.smoothing.release(3, 200_000)) == 100_000


STEPS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(["", "x", "y"]), st.sampled_from([0.0, 0.5, 1.5, 4.0])),
    max_size=40,
)


@given(STEPS, st.sampled_from([0, 3]))
def test_the_receiver_ends_with_the_truth(steps: list[tuple[str, str, float]], smoothing_s: float) -> None:
    """Whatever comes and goes: each fact is told or vanishes, in order, and what is told is a history that could be:
    nobody is added twice, or removed who is not there."""
    told, now = Told(smoothing_s), 0.0
    truth: set[tuple[str, str]] = set()
    picture: set[tuple[str, str]] = set()
    heard: list[str] = []

    def hear(names: list[str]) -> None:
        heard.extend(names)
        for name in names:
            channel, _, rest = name.partition("/")
            kind, _, user = rest.partition(":")
            if kind in ("channel_occupied", "member_added"):
                assert (channel, user) not in picture
                picture.add((channel, user))
            else:
                picture.remove((channel, user))

    sent = 0
    for channel, user, wait_s in steps:
        now += wait_s
        there = (channel, user) in truth
        kind = ("member_removed" if there else "member_added") if user else ""
        kind = kind or ("channel_vacated" if there else "channel_occupied")
        truth ^= {(channel, user)}
        hear(told.at(now, f"{channel}/{kind}" + (f":{user}" if user else "")))
        sent += 1
    hear(told.at(now + 3))
    assert picture == truth
    assert sent == len(heard) + len(told.smoothing.vanished)
    assert told.smoothing.count == 0


@pytest.mark.parametrize("kind", ["client_event", "cache_miss", "subscription_count"])
def test_other_facts_do_not_wait(kind: str) -> None:
    assert Told().at(0, kind) == [kind]
