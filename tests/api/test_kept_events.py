"""The routes about a channel's history."""

from __future__ import annotations

from typing import Any

import pytest

from revurb.apps import FixedApps, HistoryRule
from revurb.pusher.history import UNAVAILABLE_PAGE, HistoryPage
from tests.api.desk import Desk
from tests.pusher.room import an_app

ROOM = "/channels/room-1/events"


@pytest.fixture
def desk() -> Desk:
    app = an_app(history=(HistoryRule(channels=("room-*",), size=5),))
    desk = Desk(FixedApps([app]))
    desk.app = app
    for number in range(7):
        body = {"name": "e", "data": str(number), "channel": "room-1"}
        assert desk.call("POST", "/events", body) == (200, {})
    return desk


def data(page: Any) -> list[int]:
    return [int(event["data"]) for event in page["events"]]


def test_the_last_events(desk: Desk) -> None:
    status, page = desk.call("GET", ROOM, limit="3")
    assert (status, data(page), page["complete"], page["has_more"]) == (200, [4, 5, 6], True, False)
    assert list(page["events"][0]) == ["event", "data", "channel", "id"]
    assert page["position"] == page["events"][-1]["id"]
    assert data(desk.call("GET", ROOM)[1]) == [2, 3, 4, 5, 6]


def test_page_by_page(desk: Desk) -> None:
    first = desk.call("GET", ROOM, limit="1")[1]["position"].removesuffix("7") + "2"
    seen = []
    while True:
        _, page = desk.call("GET", ROOM, after=first, limit="2")
        assert page["complete"] is True
        seen += data(page)
        if not page["has_more"]:
            break
        first = page["events"][-1]["id"]
    assert seen == [2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("after", "reason"), [("other-3", "epoch"), ("%s-1", "expired"), ("%s-9", "invalid")]
)
def test_what_is_not_there_is_said(desk: Desk, after: str, reason: str) -> None:
    epoch = desk.call("GET", ROOM)[1]["position"].partition("-")[0]
    status, page = desk.call("GET", ROOM, after=after.replace("%s", epoch))
    assert (status, data(page), page["complete"], page["reason"]) == (200, [2, 3, 4, 5, 6], False, reason)


def test_forgetting(desk: Desk) -> None:
    position = desk.call("GET", ROOM)[1]["position"]
    assert desk.call("DELETE", ROOM) == (200, {})
    assert desk.call("GET", ROOM)[1] == {
        "events": [],
        "position": position,
        "complete": True,
        "has_more": False,
    }


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"limit": "0"}, "limit: found '0'; allowed: an integer from 1 to 1000"),
        ({"limit": "1001"}, "limit"),
        ({"limit": "ten"}, "limit"),
        ({"limit": "9" * 5000}, "limit"),
        ({"after": "7"}, "after: found '7'; allowed: the id of an event"),
        ({"after": ""}, "after"),
    ],
)
def test_bad_questions(desk: Desk, params: dict[str, str], words: str) -> None:
    status, text = desk.call("GET", ROOM, **params)
    assert status == 400
    assert words in text


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_channel_without_history(desk: Desk, method: str) -> None:
    status, text = desk.call(method, "/channels/news/events")
    assert status == 404
    assert "news has no history" in text


def test_other_methods_and_no_signature(desk: Desk) -> None:
    answer = desk.ask("POST", f"/apps/app1{ROOM}")
    assert (answer.status, dict(answer.headers)["Allow"]) == (405, "GET, DELETE")
    assert desk.ask("DELETE", f"/apps/app1{ROOM}").status == 401
    assert desk.ask("DELETE", "/apps/app1/channels").status == 405


def test_who_keeps_it_is_away(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    away = HistoryPage(*UNAVAILABLE_PAGE)  # as one that came from a broker: no longer the same object
    monkeypatch.setattr(desk.bus, "history", lambda *question: away)
    monkeypatch.setattr(desk.bus, "forget_history", lambda *channel: False)
    assert desk.call("GET", ROOM)[0] == 503
    assert desk.call("DELETE", ROOM)[0] == 503
