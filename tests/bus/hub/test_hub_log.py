"""What the hub appends to the log, and reads there."""

from __future__ import annotations

import pytest

from revurb.bus.brokered import broker_messages as m
from revurb.bus.cache import EventCache
from revurb.bus.hub.hub_log import HubLog
from revurb.pusher.ports import Member, PublishedEvent
from tests.bus.engines import APP
from tests.bus.hub.host_log import LogListener, a_log
from tests.pusher.room import Clock

ROOM = "presence-room"


class Host:
    """A hub and a worker."""

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
    host.log.reply_with_last_event(host.worker.token, 1, [], APP, "cache-a")
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
    host.log.reply_with_last_event(host.worker.token, 1, crowd, APP, "cache-a")
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
    host.log.reply_with_last_event(host.worker.token, 2, crowd, APP, ROOM)
    assert host.worker.heard() == [m.EnterReply(1, [], None), m.EnterReply(2, [], None)]
    assert [record.levelname for record in caplog.records] == ["ERROR"] * 3


def test_a_closed_log_is_left_alone() -> None:
    host = Host()
    host.log.close()
    host.log.close()
    host.log.append_own(PublishedEvent(APP, ROOM, b"x"))
    host.log.read()
    host.log.reply(host.worker.token, m.EnterReply(1, [], None))
    host.log.reply_with_last_event(host.worker.token, 1, [], APP, "cache-a")
    assert host.worker.heard() == []
