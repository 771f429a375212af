"""Events of channels with history wait for their position, also for this node's own subscribers."""

from __future__ import annotations

import pytest

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered import outbound_queue, unplaced_events
from revurb.bus.brokered.outbound_queue import OutboundQueue
from revurb.bus.brokered.unplaced_events import UnplacedEvents
from revurb.pusher.history import HistoryBounds
from revurb.pusher.ports import PublishedEvent

KEPT = HistoryBounds(10, 60, 100_000)


def queue() -> OutboundQueue:
    return OutboundQueue(lambda app_id, channel: 0, lambda app_id, channel: True)


def event(text: bytes, channel: str = "room", history: HistoryBounds | None = KEPT) -> PublishedEvent:
    return PublishedEvent("app1", channel, text, history=history)


def test_what_needs_a_position_is_delivered_when_it_has_one_though_newer_events_were() -> None:
    events = queue()
    held = events.add(event(b"held"), None)
    plain = events.add(event(b"plain", "other", None), None)
    assert not events.claim_alone(held)
    assert events.claim_alone(plain)
    assert not events.claim_delivery(0, plain.seq)
    assert events.claim_delivery(0, held.seq)
    assert not events.claim_delivery(0, held.seq)


def test_it_is_held_through_a_second_outage_too() -> None:
    events = queue()
    held = events.add(event(b"held"), None)
    for _ in range(2):
        events.disconnected()
        assert list(events.settle()) == []
    events.accept(held.seq)
    events.disconnected()
    assert list(events.settle()) == []
    assert events.claim_delivery(0, held.seq)


def test_what_came_from_the_broker_before_its_confirmation_is_not_held() -> None:
    events = queue()
    sent = events.add(event(b"sent"), None)
    assert events.claim_delivery(0, sent.seq)
    events.disconnected()
    assert list(events.settle()) == []
    assert not events.claim_delivery(0, sent.seq)


def test_what_is_dropped_is_a_gap_until_the_broker_has_noted_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound_queue, "MAX_WAITING", 1)
    events = queue()
    for number in range(3):
        events.claim_alone(events.add(event(b"%d" % number), None))
    assert list(events.held.gaps()) == [m.MarkGap(2, "app1", "room", KEPT)]
    assert [message.text for message in events.unsent()] == [b"2"]
    assert events.accept(3)
    events.held.gap_marked(1)  # of the event before the last that was dropped
    assert events.held.has_gaps
    events.held.gap_marked(2)
    assert not events.held.has_gaps


def test_the_numbers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unplaced_events, "MAX_HELD", 2)
    held = UnplacedEvents()
    for seq in (1, 2, 3):
        held.hold(seq)
    assert [seq in held for seq in (1, 2, 3)] == [False, True, True]
    assert not held.release(1)
    assert held.release(2)
    assert 2 not in held
