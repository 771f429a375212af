"""The hub is killed while a worker takes nothing: it gets everything when it goes on, once and in order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import Member, PublishedEvent
from tests.bus.engines import APP, BusNode, resolve
from tests.chaos.hub_process import HubProcess, go_on_reading, stop_reading
from tests.conftest import Run

ROOM = "presence-room"
USERS = [Member(f"u{number}", b'"u%d"' % number, b"null") for number in range(20)]
FILLER = [b"%04d " % number + b"x" * 95 for number in range(1500)]  # more than the socket of a worker takes


@pytest.fixture
def cluster(run: Run, tmp_path: Path) -> Iterator[HubProcess]:
    cluster = HubProcess(tmp_path)
    yield cluster
    run(cluster.close())


async def publish_all(node: BusNode, texts: list[bytes], channel: str = "news") -> None:
    for text in texts:
        await node.publish(text, channel)  # within a deadline


async def test_a_worker_that_takes_nothing_while_the_hub_dies_misses_no_event(cluster: HubProcess) -> None:
    slow, publisher, other = [await cluster.node() for _ in range(3)]
    for node in (slow, publisher, other):
        await node.enter()
    stop_reading(slow)
    await asyncio.gather(publish_all(publisher, FILLER), publish_all(other, FILLER[:20]))
    await other.until(lambda: len(other.received) == len(FILLER) + 20)
    await cluster.outage()
    assert len(slow.received) < len(FILLER)
    await cluster.recover()
    go_on_reading(slow)
    await publisher.publish(b"end")
    for node in (slow, publisher, other):
        await node.until(lambda node=node: b"end" in node.texts())  # type: ignore[misc]
        assert len(node.texts()) == len(FILLER) + 21
    assert slow.texts() == other.texts() == publisher.texts()
    assert [node.bus.missed + node.bus.health.dropped for node in cluster.nodes] == [0, 0, 0]


async def test_members_that_a_dead_hub_has_announced_are_heard_of_once(cluster: HubProcess) -> None:
    slow, busy, other = [await cluster.node() for _ in range(3)]
    staying, leaving = USERS[:10], USERS[10:]
    await slow.enter("news")
    await slow.enter(ROOM, Member("slow", b'"slow"', b"null"))
    for user in leaving:
        await busy.enter(ROOM, user)
    await other.enter(ROOM, leaving[0])  # so that it does not leave with the others
    slow.received.clear()
    other.received.clear()
    stop_reading(slow)
    await publish_all(busy, FILLER)
    for user in staying:
        await busy.enter(ROOM, user)
    for user in leaving:
        busy.bus.leave(APP, ROOM, user.user_id)
    last = MEMBER_EVENTS.removed(ROOM, leaving[-1])
    await other.until(lambda: last in other.texts(ROOM))
    await cluster.outage()
    await cluster.recover()
    go_on_reading(slow)
    await busy.publish(b"end", ROOM)
    expected = [
        *(MEMBER_EVENTS.added(ROOM, user) for user in staying),
        *(MEMBER_EVENTS.removed(ROOM, user) for user in leaving[1:]),
        b"end",
    ]
    for node in (slow, other):
        await node.until(lambda node=node: b"end" in node.texts(ROOM))  # type: ignore[misc]
        assert node.texts(ROOM) == expected
    assert slow.texts() == FILLER
    assert len(await resolve(other.bus.members(APP, ROOM))) == len(staying) + 2


async def test_a_slow_worker_holds_up_nobody_and_gets_everything(cluster: HubProcess) -> None:
    slow, publisher = await cluster.node(), await cluster.node()
    await slow.enter()
    stop_reading(slow)
    events = [PublishedEvent(APP, "news", text) for text in FILLER]
    async with asyncio.timeout(10):
        for event in events:
            await resolve(publisher.bus.publish(event))
    assert not slow.received
    go_on_reading(slow)
    await slow.until(lambda: len(slow.received) == len(FILLER))
    assert slow.texts() == FILLER


async def test_a_worker_that_holds_more_than_a_message_may_have_links_again(cluster: HubProcess) -> None:
    """400 last events of 200 kB: a single `Hello` would have 80 MB."""
    node, other = await cluster.node(), await cluster.node()
    text = b"x" * 200_000
    for number in range(400):
        await node.publish(text, f"cache-{number}", cache_ttl_s=600)
    await other.enter()
    await cluster.outage()
    await node.until(lambda: node.bus.degraded)
    await cluster.recover()
    await node.until(lambda: not node.bus.degraded)
    await node.publish(b"end")
    await other.until(lambda: other.texts() == [b"end"])
    [first, last] = await resolve(other.bus.describe(APP, ["cache-0", "cache-399"]))
    assert first.cached.text == last.cached.text == text


async def test_a_line_that_is_cut_again_and_again_loses_nothing(cluster: HubProcess) -> None:
    """Those of the publisher and of the subscriber, while the hub lives."""
    publisher, subscriber = await cluster.node(), await cluster.node()
    for node in (publisher, subscriber):
        await node.enter()
        await node.enter(ROOM, Member(node.name, b'"x"', b"null"))
    await publisher.until(lambda: publisher.received)  # of the other's coming
    for node in (publisher, subscriber):
        node.received.clear()
    count = 1000
    for number in range(count):
        await publisher.publish(b"%d" % number)
        if number % 100 == 50:
            node = (publisher, subscriber)[number // 100 % 2]
            cut = node.bus._link._transport
            cut.abort()
            await node.until(lambda node=node, cut=cut: node.bus._link._transport not in (None, cut))  # type: ignore[misc]
    for node in (publisher, subscriber):
        last = b"%d" % (count - 1)
        await node.until(lambda node=node, last=last: last in node.texts())  # type: ignore[misc]
        await node.until(lambda node=node: node.bus.degraded is None)  # type: ignore[misc]
        assert node.texts() == [b"%d" % number for number in range(count)]
        assert node.texts(ROOM) == []  # nobody has left or come
        assert (node.bus.missed, node.bus.health.dropped) == (0, 0)


async def test_who_leaves_one_worker_while_there_is_no_hub_and_stays_on_another_has_not_left(
    cluster: HubProcess,
) -> None:
    here, there = await cluster.node(), await cluster.node()
    watcher, ann, bob = USERS[:3]
    for user in (watcher, ann, bob):
        await here.enter(ROOM, user)
    await there.enter(ROOM, ann)
    here.received.clear()
    await cluster.outage()
    await here.until(lambda: here.bus.degraded)
    for user in (ann, bob):
        here.bus.leave(APP, ROOM, user.user_id)
    await cluster.recover()
    gone = MEMBER_EVENTS.removed(ROOM, bob)
    for node in (here, there):
        await node.until(lambda node=node: gone in node.texts(ROOM))  # type: ignore[misc]
    there.bus.leave(APP, ROOM, ann.user_id)
    last = MEMBER_EVENTS.removed(ROOM, ann)
    await here.until(lambda: last in here.texts(ROOM))
    assert here.texts(ROOM) == [gone, last]
