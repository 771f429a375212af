"""What every engine does about channels with history: rules 11 to 14 of the bus."""

import asyncio
import itertools
import re
from collections.abc import Sequence

import pytest

from revurb.pusher.history import (
    EPOCH,
    EXPIRED,
    INVALID,
    LIMIT,
    HistoryBounds,
    HistoryPage,
    Position,
    Replay,
    Resume,
    read_position,
)
from tests.bus.engines import ANN, APP, ROOM, BusNode, Cluster, NodeGroup, resolve

KEPT = HistoryBounds(100, 60, 1_000_000)
_ID = re.compile(rb'^(\{.*),"id":"([0-9a-z]+-[0-9]+)"\}$')


def event(number: int) -> bytes:
    return b'{"event":"e","data":"%d"}' % number


def numbers(texts: Sequence[bytes]) -> list[int]:
    return [
        int(found[1])
        for found in (re.match(rb'\{"event":"e","data":"([0-9]+)"', text) for text in texts)
        if found
    ]


def position_of(text: bytes) -> Position:
    found = _ID.match(text)
    assert found is not None, text
    position = read_position(found[2].decode())
    assert position is not None
    return position


async def put(
    node: BusNode, number: int, channel: str = "news", bounds: HistoryBounds = KEPT, **more: object
) -> None:
    await node.publish(event(number), channel, history=bounds, **more)


async def come_back(
    node: BusNode,
    position: Position | None,
    channel: str = "news",
    *,
    socket_id: str = "",
    max_events: int = 1000,
    max_bytes: int = 1_000_000,
) -> Replay:
    resume = Resume(position, socket_id, max_events, max_bytes)
    replay = (await node.enter(channel, want_position=True, resume=resume)).replay
    assert replay is not None
    return replay


async def start(node: BusNode, channel: str = "news") -> Position:
    replay = (await node.enter(channel, want_position=True)).replay
    assert replay is not None
    assert not replay.events
    assert not replay.failure
    return replay.position


async def page(node: BusNode, after: Position | None = None, limit: int = 100) -> HistoryPage:
    return await resolve(node.bus.history(APP, "news", after, limit))


# Rule 11: an event of a channel with history has a position, the same everywhere, which grows; no other event has one.


async def test_an_event_gets_its_position(any_cluster: NodeGroup) -> None:
    node = await any_cluster.node()
    began = await start(node)
    await node.enter("plain")
    for number in range(3):
        await put(node, number)
    await node.publish(b'{"event":"e"}', "plain")
    await node.until(lambda: len(node.received) == 4)
    positions = [position_of(text) for text in node.texts()]
    assert [began.epoch] * 3 == [position.epoch for position in positions]
    assert began.number < positions[0].number < positions[1].number < positions[2].number
    assert node.texts("plain") == [b'{"event":"e"}']


async def test_all_nodes_see_the_same_positions(each_broker: Cluster) -> None:
    here, there = await each_broker.node(), await each_broker.node()
    await start(here)
    await start(there)
    for number in range(10):
        await put(here if number % 3 else there, number)
    await here.until(lambda: len(here.received) == 10)
    await there.until(lambda: len(there.received) == 10)
    assert here.texts() == there.texts()
    assert numbers(here.texts()) == list(range(10))


# Rule 12: who comes back gets what it missed, in order and once, before the first new event; on any node.


async def test_who_comes_back_gets_what_it_missed(any_cluster: NodeGroup) -> None:
    node = await any_cluster.node()
    began = await start(node)
    await put(node, 0)
    node.bus.leave(APP, "news", None)
    await put(node, 1)
    await put(node, 2)
    replay = await come_back(node, began)
    assert numbers(replay.events) == [0, 1, 2]
    assert replay.position.number >= position_of(replay.events[-1]).number
    await put(node, 3)
    await node.until(lambda: node.received)
    assert numbers(node.texts()) == [3]
    assert numbers((await come_back(node, position_of(replay.events[1]))).events) == [2, 3]
    again = await come_back(node, position_of((await page(node)).events[-1]))
    assert not again.events
    assert not again.failure


async def test_on_another_node_while_events_keep_coming(each_broker: Cluster) -> None:
    """Of one that comes and goes all the time, on two nodes, nothing is missing and nothing is there twice."""
    nodes = [await each_broker.node(), await each_broker.node()]
    seen: list[bytes] = []
    position = await start(nodes[0])
    others = await start(nodes[1], "other")
    assert others
    done = asyncio.Event()

    async def publish() -> None:
        for number in range(200):
            await put(nodes[number % 2], number)
        done.set()

    publishing = asyncio.create_task(publish())
    for node in itertools.cycle((nodes[1], nodes[0])):
        was_done = done.is_set()
        replay = await come_back(node, position)
        assert not replay.failure
        seen += replay.events
        await asyncio.sleep(0.01)  # events come meanwhile, or not: both are right
        seen += node.texts()
        if seen:
            position = position_of(seen[-1])
        node.bus.leave(APP, "news", None)
        if was_done:
            break
    await publishing
    assert numbers(seen) == list(range(200))


async def test_members_come_back_too(any_cluster: NodeGroup) -> None:
    node = await any_cluster.node()
    began = await start(node, ROOM)
    await put(node, 1, ROOM)
    snapshot = await node.enter(ROOM, ANN, want_position=True, resume=Resume(began, "", 10, 10_000))
    assert snapshot.replay is not None
    assert numbers(snapshot.replay.events) == [1]  # member_added has no position
    assert list(snapshot.members) == [ANN]


async def test_what_excluded_a_connection_is_not_repeated_to_it(any_cluster: NodeGroup) -> None:
    node = await any_cluster.node()
    began = await start(node)
    await put(node, 0, except_socket_id="1.1")
    await put(node, 1)
    assert numbers((await come_back(node, began, socket_id="1.1")).events) == [1]
    assert numbers((await come_back(node, began, socket_id="2.2")).events) == [0, 1]


# Rule 13: what cannot be repeated is said, with the reason.


async def test_what_is_older_than_what_is_kept(any_cluster: NodeGroup) -> None:
    node = await any_cluster.node()
    began = await start(node)
    for number in range(4):
        await put(node, number, bounds=HistoryBounds(3, 60, 1_000_000))
    assert (await come_back(node, began)).failure == EXPIRED
    kept = (await page(node)).events
    assert numbers(kept) == [1, 2, 3]
    assert numbers((await come_back(node, position_of(kept[0]))).events) == [2, 3]


async def test_what_is_too_old(any_cluster: NodeGroup) -> None:
    node = await any_cluster.node()
    began = await start(node)
    await put(node, 0, bounds=HistoryBounds(10, 1, 1_000_000))
    last = position_of((await page(node)).events[0])
    async with asyncio.timeout(10):
        while (await page(node)).events:
            await asyncio.sleep(0.05)
    assert (await come_back(node, began)).failure == EXPIRED
    replay = await come_back(node, last)
    assert not replay.events
    assert not replay.failure  # nothing has come since


async def test_more_than_may_be_repeated(any_cluster: NodeGroup) -> None:
    node = await any_cluster.node()
    began = await start(node)
    for number in range(3):
        await put(node, number)
    assert (await come_back(node, began, max_events=2)).failure == LIMIT
    assert (await come_back(node, began, max_bytes=50)).failure == LIMIT
    assert numbers((await come_back(node, began, max_events=3)).events) == [0, 1, 2]


@pytest.mark.parametrize(
    ("epoch", "ahead", "reason"), [("another", 0, EPOCH), (None, 10**6, INVALID), (None, 0, "")]
)
async def test_positions_of_nobody(
    any_cluster: NodeGroup, epoch: str | None, ahead: int, reason: str
) -> None:
    node = await any_cluster.node()
    began = await start(node)
    replay = await come_back(node, Position(epoch or began.epoch, began.number + ahead))
    assert replay.failure == reason
    assert (await come_back(node, None)).failure == INVALID


async def test_much_on_other_channels_takes_nothing_away(any_cluster: NodeGroup) -> None:
    """Also where the events of all channels share a log that holds 16 MiB."""
    node = await any_cluster.node()
    began = await start(node)
    await put(node, 0)
    for _ in range(300):
        await node.publish(b"x" * 100_000, "plain")
        await asyncio.sleep(0)
    assert numbers((await come_back(node, began)).events) == [0]


async def test_what_was_excluded_is_looked_for_among_twice_as_many(any_cluster: NodeGroup) -> None:
    """Else a client that has sent very much itself makes others wait while all of that is looked at."""
    node = await any_cluster.node()
    began = await start(node)
    for number in range(4):
        await put(node, number, except_socket_id="1.1")
    replay = await come_back(node, began, socket_id="1.1", max_events=2)
    assert (replay.failure, list(replay.events)) == ("", [])
    await put(node, 4, except_socket_id="1.1")
    assert (await come_back(node, began, socket_id="1.1", max_events=2)).failure == LIMIT


async def test_the_bytes_of_an_app_are_bounded(any_cluster: NodeGroup) -> None:
    node = await any_cluster.node()
    for number in range(40):
        await put(node, number, bounds=HistoryBounds(100, 60, 5_000))
    kept = numbers((await page(node)).events)
    assert kept == list(range(40 - len(kept), 40))
    assert 0 < len(kept) < 40


# Rule 14: a server may read what is kept, and have it forgotten.


async def test_pages(any_cluster: NodeGroup) -> None:
    node = await any_cluster.node()
    began = await start(node)
    assert (await page(node)).events == []
    for number in range(5):
        await put(node, number)
    first = await page(node, began, 2)
    assert (numbers(first.events), first.has_more, first.failure) == ([0, 1], True, "")
    second = await page(node, position_of(first.events[-1]), 3)
    assert (numbers(second.events), second.has_more) == ([2, 3, 4], False)
    last = await page(node, None, 2)
    assert (numbers(last.events), last.has_more) == ([3, 4], False)
    other = await page(node, Position("other", 1), 2)
    assert (numbers(other.events), other.has_more, other.failure) == ([0, 1], True, EPOCH)


async def test_forgetting(any_cluster: NodeGroup) -> None:
    node = await any_cluster.node()
    began = await start(node)
    await put(node, 0)
    last = position_of((await page(node)).events[0])
    assert await resolve(node.bus.forget_history(APP, "news"))
    assert (await page(node)).events == []
    assert (await come_back(node, began)).failure == EXPIRED
    assert (await come_back(node, last)).failure == ""
    await put(node, 1)
    assert numbers((await come_back(node, last)).events) == [1]
