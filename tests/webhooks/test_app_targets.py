from __future__ import annotations

from typing import Any

import pytest

from revurb.apps import App, WebhookTarget
from revurb.pusher.facts import CACHE_MISSES, CLIENT_EVENTS, COUNT_EVENTS, COUNTS, MEMBERS, OCCUPANCY
from revurb.webhooks.app_targets import BITS, AppTargets

EVERYTHING = OCCUPANCY | MEMBERS | CACHE_MISSES | CLIENT_EVENTS | COUNTS


def targets(*fields: dict[str, Any], app_id: str = "1") -> AppTargets:
    webhooks = tuple(
        WebhookTarget(url=f"https://example.com/{number}", **each) for number, each in enumerate(fields)
    )
    return AppTargets(App(id=app_id, key=f"k{app_id}", secret="s", webhooks=webhooks))


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ([], 0),
        ([{}], EVERYTHING),
        ([{"events": ["channel_vacated"]}], OCCUPANCY),
        ([{"events": ["member_added"]}, {"events": ["cache_miss"]}], MEMBERS | CACHE_MISSES),
        ([{"events": ["client_event", "subscription_count"], "channels": ["a*"]}], CLIENT_EVENTS | COUNTS),
    ],
)
def test_what_is_wanted_of_the_channels_of_an_app(fields: list[dict[str, Any]], wanted: int) -> None:
    assert targets(*fields).wanted == wanted
    assert targets(*fields).is_empty is (not fields)


def test_an_app_may_want_that_subscribers_are_told_how_many_they_are() -> None:
    app = App(id="1", key="k", secret="s", subscription_count_events=True)
    assert AppTargets(app).wanted == COUNT_EVENTS


def test_who_is_told_of_a_fact() -> None:
    app = targets({}, {"events": ["member_added"]}, {"channels": ["chat-*"]})
    told = [[route.target.url[-1] for route in app.wanting(*fact)] for fact in [
        ("member_added", "room"),
        ("member_removed", "room"),
        ("member_added", "chat-1"),
        ("cache_miss", "chat-1"),
        ("something_new", "chat-1"),
    ]]  # fmt: skip
    assert told == [["0", "1"], ["0"], ["0", "1", "2"], ["0", "2"], []]


def test_every_kind_has_its_bit() -> None:
    assert sum(set(BITS.values())) == EVERYTHING


def test_the_id_of_a_target_is_that_of_what_it_wants_and_has_no_secret() -> None:
    (one,) = targets({"events": ["member_added", "cache_miss"], "headers": {"A": "b"}, "batch_ms": 5}).routes
    (same,) = targets({"events": ["cache_miss", "member_added"], "headers": {"A": "c"}}).routes
    (other,) = targets({"channels": ["member_added", "cache_miss"]}).routes
    (elsewhere,) = targets({"events": ["member_added", "cache_miss"]}, app_id="2").routes
    assert one.id == same.id
    assert len({one.id, other.id, elsewhere.id}) == 3
    assert one.id.isalnum()
