"""Subscribers of channels with history are told when events may be missing."""

from __future__ import annotations

import pytest

from revurb.bus.brokered import told_gaps
from revurb.bus.brokered.told_gaps import ToldGaps
from revurb.pusher.history import EXPIRED, gap_text
from revurb.pusher.ports import PublishedEvent


async def test_who_is_there_is_told() -> None:
    here, told = {("1", "room"), ("1", "gone")}, list[PublishedEvent]()
    gaps = ToldGaps(lambda app_id, channel: (app_id, channel) in here, told.append)
    gaps.tell()
    gaps.note("1", "room")
    gaps.note("1", "gone")
    here.remove(("1", "gone"))
    gaps.tell()
    assert told == [PublishedEvent("1", "room", gap_text("room", EXPIRED))]
    here.add(("1", "gone"))
    gaps.tell()
    assert [event.channel for event in told] == ["room", "room"]


async def test_a_repeat_is_a_gap_for_who_came_since() -> None:
    told: list[PublishedEvent] = []
    gaps = ToldGaps(lambda app_id, channel: True, told.append)
    gaps.repeated("1", "plain")
    gaps.note("1", "room")
    gaps.repeated("1", "room")
    assert told == [PublishedEvent("1", "room", gap_text("room", EXPIRED))]


async def test_no_more_is_noted_than_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told_gaps, "MAX_NOTED", 3)
    gaps = ToldGaps(lambda app_id, channel: channel > "6", lambda event: None)
    for number in range(10):
        gaps.note("1", str(number))
    assert "0" not in {channel for _, channel in gaps._channels}
    assert len(gaps._channels) <= 4
