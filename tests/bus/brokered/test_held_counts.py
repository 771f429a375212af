"""Counts that change often: told once a second, and at once to whoever asks."""

import asyncio

import pytest

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered import count_reporter, held_counts
from revurb.bus.brokered.count_reporter import CountReporter
from revurb.bus.local_state import LocalState
from tests.bus.brokered.test_count_reporter import turns
from tests.bus.engines import APP

ROOM = (APP, "room")


class Reporting:
    """A reporter that holds counts, and what it sends."""

    def __init__(self) -> None:
        self.sent: list[m.FromWorker] = []
        self.state = LocalState()
        self.reporter = CountReporter(self.state, self.sent.append, holds=True)
        assert self.reporter._held is not None
        self.held = self.reporter._held

    async def changes(self, count: int, channel: str = "room") -> list[m.FromWorker]:
        """What is sent when the channel's count becomes this."""
        self.sent.clear()
        self.state.open(APP, channel).count = count
        self.reporter.channel_changed((APP, channel))
        await turns()
        return self.sent

    async def connections(self, count: int) -> list[m.FromWorker]:
        self.sent.clear()
        before = self.state.connections.get(APP, 0)
        self.state.connections[APP] = count
        self.reporter.connections_changed(APP, count - before)
        await turns()
        return self.sent

    async def until_sent(self, count: int = 1) -> list[m.FromWorker]:
        self.sent.clear()
        async with asyncio.timeout(10):
            while len(self.sent) < count:
                await asyncio.sleep(0.005)
        return self.sent


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(count_reporter, "REPORT_EVERY_S", 0.0)


async def test_a_count_that_changes_again_soon_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_counts, "TELL_EVERY_S", 1000.0)
    made = Reporting()
    assert await made.changes(1) == [m.SubscriberCount(*ROOM, 1)]
    assert await made.changes(2) == [m.SubscriberCount(*ROOM, 2), m.CountHeld(*ROOM, True)]
    for count in range(3, 9):
        assert await made.changes(count) == []
    assert await made.changes(1, "other") == [m.SubscriberCount(APP, "other", 1)], "each for itself"
    assert await made.connections(5) == [m.ConnectionCount(APP, 5, 5)]
    assert await made.connections(6) == [m.ConnectionCount(APP, 1, 6), m.CountHeld(APP, "", True)]
    assert await made.connections(9) == []


async def test_a_count_that_changes_rarely_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_counts, "TELL_EVERY_S", 0.0)
    made = Reporting()
    for count in (1, 2, 3):
        assert await made.changes(count) == [m.SubscriberCount(*ROOM, count)]
    assert len(made.held._told_at) == 1, "older ones are forgotten"


async def test_a_held_count_is_told_to_whoever_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_counts, "TELL_EVERY_S", 1000.0)
    made = Reporting()
    for count in range(1, 5):
        await made.changes(count)
        await made.connections(10 * count)
    made.sent.clear()
    made.reporter.answer(m.CountWanted(*ROOM, 7))
    assert made.sent == [m.SubscriberCount(*ROOM, 4), m.CountTold(*ROOM, 7)]
    made.sent.clear()
    made.reporter.answer(m.CountWanted(*ROOM, 8))
    assert made.sent == [m.CountTold(*ROOM, 8)], "nothing has changed since"
    made.sent.clear()
    made.reporter.answer(m.CountWanted(APP, "", 9))
    assert made.sent == [m.ConnectionCount(APP, 20, 40), m.CountTold(APP, "", 9)]
    made.sent.clear()
    made.reporter.answer(m.CountWanted(APP, "unknown", 10))
    assert made.sent == [m.CountTold(APP, "unknown", 10)], "whoever asks is not to wait"


async def test_ones_own_question_has_what_it_asks_for_told_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_counts, "TELL_EVERY_S", 1000.0)
    made = Reporting()
    for count in (1, 2, 3):
        await made.changes(count)
        await made.changes(count, "other")
        await made.connections(count)
    made.sent.clear()
    asked: list[str] = []
    made.reporter.report_before(m.QueryMembers(1, *ROOM), lambda: asked.append("members"))
    made.reporter.report_before(m.QueryStates(2, APP, ["room", "none"]), lambda: asked.append("states"))
    assert made.sent == [m.SubscriberCount(*ROOM, 3)]
    made.reporter.report_before(m.QueryConnections(3, APP), lambda: asked.append("connections"))
    assert made.sent[1:] == [m.ConnectionCount(APP, 0, 3)]
    made.reporter.report_before(m.QueryChannels(4, "another app", ""), lambda: asked.append("none"))
    made.reporter.report_before(m.QueryChannels(5, APP, ""), lambda: asked.append("channels"))
    assert made.sent[2:] == [m.SubscriberCount(APP, "other", 3)]
    made.reporter.report_before(m.QueryChannels(6, APP, ""), lambda: asked.append("again"))
    assert len(made.sent) == 3, "many questions do not become many reports"
    assert asked == ["members", "states", "connections", "none", "channels", "again"]


async def test_it_is_told_once_a_period_until_it_changes_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_counts, "TELL_EVERY_S", 0.05)
    monkeypatch.setattr(held_counts, "TOLD_PER_TURN", 2)
    made = Reporting()
    channels = ["room", "b", "c", "d", "e"]
    for count in (1, 2):
        for channel in channels:
            made.state.open(APP, channel).count = count
            made.reporter.channel_changed((APP, channel))
        made.reporter.report()
    for channel in channels:
        made.state.open(APP, channel).count = 3
        made.reporter.channel_changed((APP, channel))
    assert len(made.held._changed) == 5
    sent = await made.until_sent(10)
    assert {(each.channel, each.count) for each in sent[:5] if isinstance(each, m.SubscriberCount)} == {
        (channel, 3) for channel in channels
    }
    assert {(each.channel, each.is_held) for each in sent[5:] if isinstance(each, m.CountHeld)} == {
        (channel, False) for channel in channels
    }
    assert made.held._timer is None


async def test_a_channel_that_others_take_for_empty_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would be missing in their lists of channels."""
    monkeypatch.setattr(held_counts, "TELL_EVERY_S", 1000.0)
    made = Reporting()
    await made.changes(1)
    made.state.close(*ROOM)
    made.sent.clear()
    made.reporter.channel_changed(ROOM)
    await turns()
    assert made.sent == [m.SubscriberCount(*ROOM, 0), m.CountHeld(*ROOM, True)]
    assert await made.changes(1) == [m.SubscriberCount(*ROOM, 1)]
    assert await made.changes(2) == []


async def test_after_a_new_link_nothing_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_counts, "TELL_EVERY_S", 1000.0)
    made = Reporting()
    for count in (1, 2, 3):
        await made.changes(count)
    made.reporter.clear()
    assert made.held._timer is None
    assert await made.changes(4) == [m.SubscriberCount(*ROOM, 4)]
