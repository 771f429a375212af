"""Events that the broker has not accepted yet, and their delivery to the node's own subscribers."""

import asyncio

import pytest

from revurb.bus.brokered import outbound_queue
from revurb.bus.brokered.outbound_queue import OutboundQueue
from revurb.pusher.ports import PublishedEvent


def queue(subscribed: bool = True) -> OutboundQueue:
    return OutboundQueue(lambda app_id, channel: 0, lambda app_id, channel: subscribed)


def event(text: bytes) -> PublishedEvent:
    return PublishedEvent("app1", "news", text)


async def test_events_wait_in_order_until_they_are_accepted() -> None:
    events = queue()
    done = asyncio.get_running_loop().create_future()
    for text in (b"1", b"2", b"3"):
        events.add(event(text), done if text == b"2" else None)
    events.accept(2)
    assert done.done()
    assert [message.text for message in events.unsent()] == [b"1", b"3"]
    assert len(events) == 2
    events.accept(2)  # again


def test_an_own_event_is_delivered_once() -> None:
    events = queue()
    outbound = events.add(event(b"1"), None)
    assert events.claim_delivery(0, outbound.seq)
    assert not events.claim_delivery(0, outbound.seq)


def test_nothing_is_kept_of_what_was_accepted_and_delivered() -> None:
    events = queue()
    for seq in (1, 2):
        events.add(event(b"x"), None)
        events.accept(seq)
    assert list(events._undelivered) == [1, 2]
    assert events.claim_delivery(0, 1)
    assert list(events._undelivered) == [2]


async def test_without_a_broker_everything_undelivered_is_delivered_and_nobody_waits() -> None:
    events = queue()
    done = asyncio.get_running_loop().create_future()
    events.add(event(b"accepted, not back yet"), None)
    events.accept(1)
    events.add(event(b"not accepted"), done)
    events.add(event(b"delivered"), None)
    events.disconnected()
    settled = events.settle()
    assert next(settled).text == b"accepted, not back yet"
    before = done.done()
    assert next(settled).text == b"not accepted"
    assert (before, done.done()) == (False, True)
    was_settling = events.is_settling
    events.settle_later(events.add(event(b"published meanwhile"), None))
    assert [each.text for each in settled] == [b"delivered", b"published meanwhile"]
    assert (was_settling, events.is_settling) == (True, False)
    assert not events.claim_delivery(0, 2)  # when the broker is back and sends it
    assert [message.seq for message in events.unsent()] == [2, 3, 4]


def test_accepted_events_without_subscribers_are_not_kept() -> None:
    events = queue(subscribed=False)
    events.add(event(b"1"), None)
    events.accept(1)
    events.disconnected()
    assert not events.is_settling


def test_what_is_dropped_for_others_is_settled_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound_queue, "MAX_WAITING", 2)
    events = queue()
    for text in (b"1", b"2"):
        events.add(event(text), None)
    events.disconnected()
    events.settle_later(events.add(event(b"3"), None))
    assert events.dropped == 1
    assert [each.text for each in events.settle()] == [b"1", b"2", b"3"]


def test_the_oldest_is_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound_queue, "MAX_WAITING", 2)
    events = queue()
    for text in (b"1", b"2", b"3"):
        events.add(event(text), None)
    assert events.dropped == 1
    assert [message.text for message in events.unsent()] == [b"2", b"3"]


def test_what_was_dropped_is_told_when_it_begins_and_when_the_rest_is_sent(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outbound_queue, "MAX_WAITING", 2)
    events = queue()
    for seqs in ((1, 2, 3, 4), (5, 6, 7)):
        for _ in seqs:
            events.add(event(b"x"), None)
        assert len(caplog.records) == 1
        caplog.clear()
        events.accept(seqs[-2])
        assert caplog.records == []
        events.accept(seqs[-1])
        [record] = caplog.records
        assert record.__dict__["dropped"] == len(seqs) - 2
        caplog.clear()
    assert events.dropped == 3


def test_bytes_are_bounded_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound_queue, "MAX_WAITING_BYTES", 2500)
    events = queue()
    for _ in range(4):
        events.add(event(b"x" * 1000), None)
    assert (events.dropped, len(events)) == (3, 1)


async def test_what_waits_at_the_end_is_counted_and_holds_nobody_up(caplog: pytest.LogCaptureFixture) -> None:
    events = queue()
    done = asyncio.get_running_loop().create_future()
    events.close()
    assert events.dropped == 0
    events.add(event(b"1"), done)
    events.add(event(b"2"), None)
    events.accept(2)
    events.close()
    assert events.dropped == 1
    assert done.done()
    assert len(events) == 0
    [record] = caplog.records
    assert record.__dict__["dropped"] == 1


def test_unsent_events_come_in_order_whatever_was_accepted_or_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbound_queue, "MAX_WAITING", 4)
    events = queue(subscribed=False)
    for _ in range(4):
        events.add(event(b"x"), None)
    unsent = events.unsent()
    assert next(unsent).seq == 1
    for _ in range(3):
        events.add(event(b"x"), None)  # 1 to 3 are dropped
    assert next(unsent).seq == 4
    events.accept(6)
    assert [message.seq for message in unsent] == [5, 7]
    assert events.sent_up_to == 7
    events.add(event(b"x"), None)
    assert [message.seq for message in events.unsent()] == [8]


def test_bytes_that_were_given_back_can_be_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound_queue, "MAX_WAITING_BYTES", 4 * outbound_queue._EVENT_COST_BYTES)
    events = queue()
    for _ in range(50):
        for seq in [events.add(event(b"x" * 50), None).seq for _ in range(3)]:
            events.accept(seq)
        assert events.dropped == 0
    assert events._bytes == 0


def test_what_came_back_before_it_was_accepted_is_not_kept() -> None:
    events = queue()
    outbound = events.add(event(b"1"), None)
    assert events.claim_delivery(0, outbound.seq)
    events.accept(outbound.seq)
    events.disconnected()
    assert not events.is_settling
