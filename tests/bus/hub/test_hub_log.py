"""What the hub appends to the log, and reads there."""

from __future__ import annotations

import pytest

from revurb.bus.brokered import broker_messages as m
from revurb.bus.cache import EventCache
from revurb.bus.hub.hub_log import HubLog
from revurb.pusher.history import HistoryBounds, Position, Replay, Resume
from revurb.pusher.ports import Member, PublishedEvent
from tests.bus.engines import APP
from tests.bus.hub.host_log import LogListener, a_log
from tests.pusher.room import Clock

ROOM = "presence-room"


class Host:
    """A hub and a worker."""

    def reply_with_last_event(self, id: int, members: list[Member], channel: str = "cache-a") -> None:
        def make() -> m.EnterReply:
            cached = self.cache.get(APP, channel)
            return m.EnterReply(id, members, None if cached is None else cached.text)

        self.log.reply_at_end(self.worker.token, make)

    def __init__(self) -> None:
        self.cache = EventCache(Clock())
        descriptors = a_log(self)
        self.log = HubLog(descriptors, "epoch", self.cache)
        self.worker = LogListener(descriptors, ROOM, "cache-a")

    def cached(self) -> bytes | None:
        self.log.read()
        found = self.cache.get(APP, "cache-a")
        return None if found is None else found.text


def test_a_member_event_says_who_caused_it() -> None:
    host = Host()
    host.log.append("w1", 7, PublishedEvent(APP, ROOM, b"came"), m.ADDED_MEMBERS)
    for text in (b"gone", b"gone too"):
        host.log.append_own(PublishedEvent(APP, ROOM, text))
    caused, own, next_own = host.worker.heard()
    assert caused == m.BrokerEvent("w1", 7, APP, ROOM, b"came", None, m.ADDED_MEMBERS)
    assert isinstance(own, m.BrokerEvent)
    assert isinstance(next_own, m.BrokerEvent)
    assert (own.node, own.partition) == ("epoch", m.BROKER_EVENTS)
    assert next_own.seq == own.seq + 1


def test_of_a_cache_channel_the_last_event_is_kept_and_of_others_none() -> None:
    host = Host()
    assert host.cached() is None
    for number in range(200):
        host.worker.place(PublishedEvent(APP, "cache-a", b"%d" % number, None, 60))
        host.worker.place(PublishedEvent(APP, ROOM, b"x"))
    assert host.cached() == b"199"
    assert host.cache.get(APP, ROOM) is None


def test_a_reply_has_the_last_event_of_its_place() -> None:
    host = Host()
    host.worker.place(PublishedEvent(APP, "cache-a", b"old", None, 60))
    host.log.read()
    host.worker.place(PublishedEvent(APP, "cache-a", b"new", None, 60))
    host.reply_with_last_event(1, [])
    host.worker.place(PublishedEvent(APP, "cache-a", b"newer", None, 60))
    assert [getattr(each, "text", None) or each for each in host.worker.heard()] == [
        b"old", b"new", m.EnterReply(1, [], b"new"), b"newer",
    ]  # fmt: skip


def test_a_reply_waits_for_its_place_without_being_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others append whenever the hub has read, thirty times; the reply has a fifth of what the hub can write."""
    host = Host()
    host.log.append_own(PublishedEvent(APP, ROOM, b"of before"))
    crowd = [Member(f"u{number}", b'"u"', b"x" * 1000) for number in range(200)]
    texts = [None] * 10 + [b"1"] + [None] * 19
    read, encodings = host.log.read, 0

    def read_and_be_late() -> None:
        read()
        if texts:
            text = texts.pop(0)
            event = (
                PublishedEvent(APP, ROOM, b"x")
                if text is None
                else PublishedEvent(APP, "cache-a", text, None, 60)
            )
            host.worker.place(event)

    def encode(message: m.FromBroker) -> bytes:
        nonlocal encodings
        encodings += isinstance(message, m.EnterReply)
        return encode_message(message)

    encode_message = m.encode
    monkeypatch.setattr(HubLog, "read", lambda log: read_and_be_late())
    monkeypatch.setattr(m, "encode", encode)
    host.reply_with_last_event(1, crowd)
    first, *_, last = host.worker.heard()
    assert isinstance(first, m.BrokerEvent)
    assert first.text == b"of before"
    assert last == m.EnterReply(1, crowd, b"1")
    assert encodings == 2


def test_what_is_too_large_is_told_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    host = Host()
    host.log.append_own(PublishedEvent(APP, ROOM, b"x" * 1_000_000))
    crowd = [Member(f"u{number}", b'"u"', b"x" * 1000) for number in range(1000)]
    host.log.reply(host.worker.token, m.EnterReply(1, crowd, None))
    host.reply_with_last_event(2, crowd, ROOM)
    assert host.worker.heard() == [m.EnterReply(1, [], None), m.EnterReply(2, [], None)]
    assert [record.levelname for record in caplog.records] == ["ERROR"] * 3


def test_a_closed_log_is_left_alone() -> None:
    host = Host()
    host.log.close()
    host.log.close()
    host.log.append_own(PublishedEvent(APP, ROOM, b"x"))
    host.log.read()
    host.log.reply(host.worker.token, m.EnterReply(1, [], None))
    host.reply_with_last_event(1, [])
    assert host.worker.heard() == []


def test_events_of_a_channel_with_history_are_kept_with_their_positions() -> None:
    host = Host()
    began = host.log.history.position
    for number in range(3):
        host.worker.place(
            PublishedEvent(APP, "cache-a", b'{"n":%d}' % number, history=HistoryBounds(2, 60, 10**6))
        )
        host.worker.place(PublishedEvent(APP, ROOM, b"{}"))
    host.log.read()
    page = host.log.history.page(APP, "cache-a", None, 10)
    epoch = began.epoch.encode()
    assert page.events == [b'{"n":1,"id":"%b-3"}' % epoch, b'{"n":2,"id":"%b-5"}' % epoch]
    assert page.position.number == 6
    assert not host.log.history.page(APP, ROOM, None, 10).events


def test_a_reply_without_room_for_what_was_missed_says_that() -> None:
    host = Host()
    replay = Replay(Position("e", 9), [b"x" * 1_000_000])
    host.log.reply_at_end(host.worker.token, lambda: m.EnterReply(1, [], None, replay=replay))
    assert host.worker.heard() == [m.EnterReply(1, [], None, replay=Replay(Position("e", 9), [], "limit"))]


def test_a_hub_that_has_missed_events_does_not_hide_that() -> None:
    host = Host()
    bounds = HistoryBounds(100, 60, 10**6)
    host.worker.place(PublishedEvent(APP, "cache-a", b"{}", history=bounds))
    host.log.read()
    for _ in range(30):  # of 50 kB each, where a ring has a MiB
        host.worker.place(PublishedEvent(APP, "cache-a", b"x" * 50_000, history=bounds))
    host.log.read()
    resume = Resume(Position(host.log.history.epoch, 1), "", 100, 10**7)
    assert host.log.history.replay(APP, "cache-a", resume).failure == "expired"
    assert not host.log.history.page(APP, "cache-a", None, 100).events
