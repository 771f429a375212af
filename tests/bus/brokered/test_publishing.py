"""Events on their way to a broker, and what becomes of those that must be kept while it is away."""

from __future__ import annotations

import asyncio

import pytest

from revurb.bus.brokered import broker_messages as m
from revurb.pusher.history import UNAVAILABLE, HistoryBounds
from revurb.pusher.ports import ChannelSnapshot, EnterRequest, PublishedEvent
from tests.bus.brokered.scripted_link import APP, Node

BOUNDS = HistoryBounds(10, 60, 1000)
PATIENCE_S = 60.0


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr("revurb.bus.brokered.brokered_bus.BROKER_WAIT_S", PATIENCE_S)
    return monkeypatch


def publish_kept(node: Node, text: bytes = b"kept") -> asyncio.Future[str | None]:
    kept = node.bus.publish_kept(PublishedEvent(APP, "news", text, history=BOUNDS))
    assert isinstance(kept, asyncio.Future)
    return kept


def is_over(node: Node, patience: pytest.MonkeyPatch) -> None:
    """The broker has been away for as long as anybody waits."""
    patience.setattr("revurb.bus.brokered.brokered_bus.BROKER_WAIT_S", 0.0)
    node.bus.tick()


async def test_it_is_kept_when_the_broker_has_accepted_it() -> None:
    node = Node()
    kept = publish_kept(node)
    assert node.published == [b"kept"]
    assert not kept.done()
    node.bus.receive((m.Accepted([1], 0),))
    assert kept.result() is None


async def test_it_waits_for_a_broker_that_goes_and_comes(patience: pytest.MonkeyPatch) -> None:
    node = Node()
    before = publish_kept(node, b"before")
    node.bus.unlinked()
    meanwhile = publish_kept(node, b"meanwhile")
    node.bus.tick()
    assert not before.done()
    assert not meanwhile.done()
    node.link.sent.clear()
    node.bus.linked()
    assert node.published == [b"before", b"meanwhile"]
    node.bus.receive((m.Accepted([1, 2], 0),))
    assert (before.result(), meanwhile.result()) == (None, None)
    node.bus.unlinked()
    is_over(node, patience)
    assert node.bus.health.waiting == 0


async def test_it_is_refused_and_taken_back_when_the_broker_stays_away(patience: pytest.MonkeyPatch) -> None:
    node = Node()
    before = publish_kept(node)
    node.bus.unlinked()
    meanwhile = publish_kept(node)
    node.publish(b"plain")
    is_over(node, patience)
    assert (before.result(), meanwhile.result()) == (UNAVAILABLE, UNAVAILABLE)
    assert node.bus.publish_kept(PublishedEvent(APP, "news", b"later", history=BOUNDS)) == UNAVAILABLE
    node.link.sent.clear()
    node.bus.linked()
    assert node.published == [b"plain"]
    assert [message for message in node.link.sent if isinstance(message, m.MarkGap)] == []


async def test_what_has_come_back_is_kept_although_the_broker_could_not_say_so(
    patience: pytest.MonkeyPatch,
) -> None:
    node = Node()
    node.enter()
    kept = publish_kept(node)
    node.hear(b"kept", 1, of="n1")
    node.bus.unlinked()
    assert kept.result() is None
    is_over(node, patience)
    assert node.delivered == [b"kept"]


async def test_what_does_not_fit_is_refused_and_no_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revurb.bus.brokered.outbound_queue.MAX_WAITING", 1)
    node = Node()
    node.bus.unlinked()
    first, second = publish_kept(node), publish_kept(node)
    assert first.result() == UNAVAILABLE
    assert not second.done()
    assert not node.bus._outbound.held.has_gaps


async def test_a_cache_channel_keeps_nothing_that_nobody_has_got(patience: pytest.MonkeyPatch) -> None:
    node = Node()
    node.bus.unlinked()
    node.bus.publish_kept(PublishedEvent(APP, "cache-news", b"kept", None, 60, BOUNDS))
    is_over(node, patience)
    node.enter("cache-news")
    assert node.entered[-1].cached is None


async def test_what_is_refused_is_not_the_last_event_of_its_channel(patience: pytest.MonkeyPatch) -> None:
    """Not for those either who come to this node while the broker is away."""
    node, snapshots = Node(), list[ChannelSnapshot]()

    def publish(text: bytes) -> None:
        node.bus.publish_kept(PublishedEvent(APP, "cache-news", text, None, 60, BOUNDS))

    publish(b"kept")
    node.bus.receive((m.Accepted([1], 0),))
    publish(b"refused")
    await asyncio.sleep(0)
    node.bus.unlinked()
    is_over(node, patience)
    node.bus.enter(EnterRequest(APP, "cache-news", None, b"", want_cached=True), snapshots.append)
    async with asyncio.timeout(5):
        while not snapshots:
            await asyncio.sleep(0)
    assert snapshots[0].cached == b"kept"
