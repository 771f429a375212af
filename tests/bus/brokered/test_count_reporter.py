"""When a broker is sent counts."""

import asyncio
from typing import Any

import pytest

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered import count_reporter
from revurb.bus.brokered.count_reporter import CountReporter
from revurb.bus.brokered.subscriptions import BrokeredSubscriptions
from revurb.bus.cache import EventCache
from revurb.bus.local_state import LocalState
from revurb.node.member_event_texts import MEMBER_EVENTS
from tests.bus.engines import APP


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_many_changes_are_told_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(count_reporter, "REPORT_EVERY_S", 1000.0)
    loop = asyncio.get_running_loop()
    state, cache = LocalState(), EventCache(loop.time)
    sent: list[m.FromWorker] = []
    subscriptions = BrokeredSubscriptions(state, cache, MEMBER_EVENTS, sent.append, print, lambda: 1)
    subscriptions._counts._reported_at = -1000.0  # nothing was told for long
    for _ in range(3):
        subscriptions.connect(APP)
    await turns()
    assert sent == [m.ConnectionCount(APP, 3, 3)]
    sent.clear()
    for _ in range(5):
        subscriptions.connect(APP)
        subscriptions.disconnect(APP)
        subscriptions.connect(APP)
        await turns()
    assert not sent, "a moment has not passed"
    subscriptions._counts.report()  # before a question
    assert sent == [m.ConnectionCount(APP, 5, 8)]
    subscriptions._counts.report()
    assert len(sent) == 1


async def test_very_many_changes_are_told_in_turns_and_before_a_question(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(count_reporter, "REPORTS_PER_TURN", 10)
    sent: list[Any] = []
    reporter = CountReporter(LocalState(), sent.append)
    for number in range(35):
        reporter.channel_changed((APP, str(number)))
    reporter.report_before(m.QueryConnections(1, APP), lambda: sent.append("question"))
    assert len(sent) == 10
    reporter.report_before(m.QueryConnections(1, APP), lambda: sent.append("another"))
    reporter.report()
    assert len(sent) == 10
    await turns()
    assert sent[35:] == ["question", "another"]
    assert {message.channel for message in sent[:35]} == set(map(str, range(35)))
    assert {message.count for message in sent[:35]} == {0}  # they have no subscribers any more
    reporter.channel_changed((APP, "1"))
    reporter.report_before(m.QueryConnections(1, APP), lambda: sent.append("at once"))
    assert sent[-1] == "at once"


async def test_what_is_forgotten_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(count_reporter, "REPORTS_PER_TURN", 10)
    sent: list[Any] = []
    reporter = CountReporter(LocalState(), sent.append)
    for number in range(35):
        reporter.channel_changed((APP, str(number)))
    reporter.report_before(m.QueryConnections(1, APP), lambda: sent.append("question"))
    reporter.clear()
    await turns()
    assert len(sent) == 10


async def test_a_channel_that_changes_is_told_by_itself() -> None:
    state, sent = LocalState(), list[m.FromWorker]()
    state.open(APP, "news").count = 2
    reporter = CountReporter(state, sent.append)
    reporter.channel_changed((APP, "news"))
    async with asyncio.timeout(10):
        while not sent:
            await asyncio.sleep(0.005)
    assert sent == [m.SubscriberCount(APP, "news", 2)]


async def test_a_report_takes_the_place_of_the_one_that_was_due(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else there would be more of them than are said to be."""
    monkeypatch.setattr(count_reporter, "REPORT_EVERY_S", 1000.0)
    sent: list[Any] = []
    reporter = CountReporter(LocalState(), sent.append)
    reporter._reported_at = asyncio.get_running_loop().time()
    reporter.connections_changed(APP, 2)
    due = reporter._timer
    assert due is not None
    reporter.connections_changed(APP, 1)
    assert reporter._timer is due
    reporter.report()
    assert due.cancelled()
    assert sent == [m.ConnectionCount(APP, 3, 0)]
    before = asyncio.get_running_loop().time()
    reporter.connections_changed(APP, 1)
    assert reporter._timer is not None
    assert reporter._timer.when() >= before + 900  # counted from the report, that was just now
    reporter.clear()
    reporter.report()
    assert len(sent) == 1
