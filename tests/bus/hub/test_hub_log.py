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
    assert caused == m.BrokerEvent(0, "w1", 7, APP, ROOM, b"came", None, m.ADDED_MEMBERS)
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


def test_an_exact_reply_has_nothing_before_it_that_was_not_read() -> None:
    host = Host()
    reply = m.EnterReply(1, [], b"old")
    host.worker.place(PublishedEvent(APP, "cache-a", b"new", None, 60))
    assert not host.log.reply(host.worker.token, reply, is_exact=True)
    host.log.read()
    assert host.log.reply(host.worker.token, reply, is_exact=True)
    host.worker.place(PublishedEvent(APP, "cache-a", b"newer", None, 60))
    assert host.log.reply(host.worker.token, m.EnterReply(2, [], None))
    assert [type(each).__name__ for each in host.worker.heard()] == [
        "BrokerEvent",
        "EnterReply",
        "BrokerEvent",
        "EnterReply",
    ]


def test_what_is_too_large_is_told_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    host = Host()
    host.log.append_own(PublishedEvent(APP, ROOM, b"x" * 1_000_000))
    crowd = [Member(f"u{number}", b'"u"', b"x" * 1000) for number in range(1000)]
    assert host.log.reply(host.worker.token, m.EnterReply(1, crowd, None))
    assert host.worker.heard() == [m.EnterReply(1, [], None)]
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]


def test_a_closed_log_is_left_alone() -> None:
    host = Host()
    host.log.close()
    host.log.close()
    host.log.append_own(PublishedEvent(APP, ROOM, b"x"))
    host.log.read()
    assert host.log.reply(host.worker.token, m.EnterReply(1, [], None))
    assert host.worker.heard() == []
