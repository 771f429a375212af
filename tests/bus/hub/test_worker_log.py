"""A worker's side of the log: what it places it delivers in its turn, what others place it hears of."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable

import pytest

from revurb._speedups.shared_log import SharedLog, topic_bucket
from revurb.bus.brokered import broker_messages as m
from revurb.bus.hub import log_reader
from revurb.bus.hub.event_log import LogDescriptors
from revurb.bus.hub.worker_log import WorkerLog
from revurb.pusher.ports import PublishedEvent
from tests.bus.engines import APP
from tests.bus.hub.host_log import LogListener, a_log


class Node:
    """What it received, in order: texts of events, and messages."""

    def __init__(self, descriptors: LogDescriptors, *channels: str) -> None:
        self.heard: list[object] = []
        self.on_event: Callable[[bytes], object] = lambda text: None
        self.log = WorkerLog(descriptors, self._receive, lambda event: self._hear(event.text))
        self.log.start()
        for channel in channels:
            self.log.add_topic((APP, channel))

    def _receive(self, messages: Iterable[m.FromBroker]) -> None:
        for message in messages:
            self._hear(message.text if isinstance(message, m.BrokerEvent) else message)

    def _hear(self, what: object) -> None:
        self.heard.append(what)
        if isinstance(what, bytes):
            self.on_event(what)

    def place(self, text: bytes, channel: str = "news") -> int:
        return self.log.place(PublishedEvent(APP, channel, text))

    async def has_heard(self, what: object) -> None:
        async with asyncio.timeout(10):
            while what not in self.heard:
                await asyncio.sleep(0)


class Host:
    def __init__(self) -> None:
        self.descriptors = a_log(self)
        self.nodes: list[Node] = []

    def node(self, *channels: str) -> Node:
        self.nodes.append(Node(self.descriptors, *channels))
        return self.nodes[-1]

    def close(self) -> None:
        for node in self.nodes:
            node.log.stop()


async def test_ones_own_event_is_delivered_at_once_and_the_others_are_woken() -> None:
    host = Host()
    here, there, elsewhere = host.node("news"), host.node("news"), host.node("other")
    here.place(b"1")
    assert (here.heard, there.heard) == ([b"1"], [])
    await there.has_heard(b"1")
    assert elsewhere.heard == []
    host.close()


async def test_events_of_two_nodes_have_one_order() -> None:
    host = Host()
    here, there = host.node("news"), host.node("news")
    for number in range(300):
        (here if number % 3 else there).place(b"%d" % number)
    for node in (here, there):
        await node.has_heard(b"299")
    assert here.heard == there.heard == [b"%d" % number for number in range(300)]
    host.close()


async def test_an_event_that_is_placed_while_another_is_delivered_comes_after_all_before_it() -> None:
    host = Host()
    here, there = host.node("news"), host.node("news")
    here.on_event = lambda text: here.place(b"answer to " + text) if len(text) == 1 else None
    for number in range(3):
        there.place(b"%d" % number)
    await there.has_heard(b"answer to 2")
    assert here.heard == there.heard
    assert here.heard == [b"0", b"1", b"2", b"answer to 0", b"answer to 1", b"answer to 2"]
    host.close()


async def test_much_is_read_over_several_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_reader, "TURN_S", -1.0)
    host = Host()
    here, there = host.node("news"), host.node("news")
    for number in range(500):
        there.place(b"%d" % number)
    here.log.read()
    assert len(here.heard) == log_reader.READ_RECORDS
    here.place(b"own")
    assert b"own" not in here.heard  # it waits for its turn
    await here.has_heard(b"own")
    assert here.heard[:500] == [b"%d" % number for number in range(500)]
    host.close()


async def test_what_is_held_comes_later_and_in_order() -> None:
    host = Host()
    here, there = host.node("news"), host.node("news")
    here.log.hold(True)
    for number in range(5):
        (here, there)[number % 2].place(b"%d" % number)
    await there.has_heard(b"4")
    here.log.read()
    assert here.heard == []
    here.log.hold(False)
    assert here.heard == [b"0", b"1", b"2", b"3", b"4"]
    host.close()


async def test_a_node_that_was_away_for_too_long_is_told_how_much_it_missed() -> None:
    host = Host()
    here, there = host.node("news"), host.node("news")
    here.log.hold(True)
    for number in range(5000):  # the log has 4,096 places
        there.place(b"%d" % number)
    here.log.hold(False)
    await here.has_heard(b"4999")
    [missed] = [each for each in here.heard if isinstance(each, m.EventsMissed)]
    assert missed.count == 5000 - len(here.heard) + 1
    host.close()


async def test_channels_of_one_bucket_are_not_taken_for_each_other() -> None:
    names: dict[int, str] = {}
    for number in range(100_000):
        name = f"channel-{number}"
        other = names.setdefault(topic_bucket(APP, name), name)
        if other != name:
            break
    host = Host()
    here, there = host.node(name), host.node()
    there.place(b"no", other)
    member_event = m.BrokerEvent("", 0, APP, other, b"no", None)
    LogListener(host.descriptors)._log.append(m.encode(member_event), topic_bucket(APP, other))
    there.place(b"yes", name)
    await here.has_heard(b"yes")
    assert here.heard == [b"yes"]
    host.close()


async def test_topics_come_and_go() -> None:
    host = Host()
    here, there = host.node("news"), host.node()
    here.log.add_topic((APP, "news"))
    here.log.remove_topic((APP, "news"))
    here.log.remove_topic((APP, "news"))
    there.place(b"before")
    here.log.add_topic((APP, "news"))
    there.place(b"after")
    await here.has_heard(b"after")
    assert here.heard == [b"after"]
    host.close()


async def test_who_was_to_be_woken_by_one_that_was_killed_is_woken_by_others() -> None:
    """The killed one has noted that it wakes the other, and has not done so yet."""
    host = Host()
    here, there = host.node(), host.node("news")
    reading, writing = os.pipe()  # so that what it writes arrives nowhere
    killed = SharedLog(host.descriptors.memory, [writing] * len(host.descriptors.wakes))
    killed.attach(1)
    killed.append(b"\xc1", topic_bucket(APP, "news"))
    killed.wake()
    here.place(b"1")
    for _ in range(5):
        await asyncio.sleep(0)
    assert there.heard == []
    there.log.tick()
    assert there.heard == [b"1"]
    here.place(b"2")
    await there.has_heard(b"2")
    host.close()
    os.close(reading)
    os.close(writing)


async def test_a_termination_is_for_everyone() -> None:
    host = Host()
    here, there = host.node(), host.node()
    here.place(b"ann", m.TERMINATIONS)
    await there.has_heard(b"ann")
    assert here.heard == [b"ann"]
    host.close()


async def test_what_cannot_be_read_is_counted() -> None:
    host = Host()
    here, other = host.node("news"), LogListener(host.descriptors)
    other._log.append(b"\xc1", topic_bucket(APP, "news"))
    other.place(PublishedEvent(APP, "news", b"1"))
    await here.has_heard(b"1")
    assert here.log.invalid_messages == 1
    host.close()


async def test_an_event_that_is_too_large_is_for_this_node_alone(caplog: pytest.LogCaptureFixture) -> None:
    host = Host()
    here, there = host.node("news"), host.node("news")
    large = b"x" * (here.log.max_event_bytes + 1)
    assert here.place(large) == 0
    assert here.place(b"1") == 1
    await there.has_heard(b"1")
    assert here.heard == [large, b"1"]
    assert there.heard == [b"1"]
    assert here.log.dropped == 1
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    host.close()


async def test_without_the_log_a_node_serves_its_own() -> None:
    host = Host()
    here, there = host.node("news"), host.node("news")
    here.log.stop()
    here.log.stop()
    here.place(b"late")
    here.log.read()
    assert (here.heard, there.heard) == ([b"late"], [])
    host.close()
