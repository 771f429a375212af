"""A node that reports everything to its Redis again goes on serving meanwhile, and what changes then is not lost."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator

import pytest

from revurb.bus.brokered import paced_sender, subscriptions
from revurb.bus.redis.command_queue import RedisUnavailable
from revurb.bus.redis.redis_session import RedisSession
from revurb.bus.redis.session_start import SessionStart
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import Member, PublishedEvent
from tests.bus.engines import APP, BusNode
from tests.bus.redis_engines import RedisCluster
from tests.chaos.storm import MakeCluster
from tests.conftest import Run
from tests.redis_server import RedisServer

ROOM = "presence-room"
ANN, BOB, EVE = (Member(name, b'"%s"' % name.encode(), b"null") for name in ("ann", "bob", "eve"))
CHANNELS = 300


@pytest.fixture
def cluster(make_cluster: MakeCluster, server: RedisServer, run: Run) -> Iterator[RedisCluster]:
    cluster = make_cluster(server, lease_s=5)
    yield cluster
    run(cluster.close())


@pytest.fixture
def slow_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some channels a turn of the loop."""
    monkeypatch.setattr(subscriptions, "PART_BYTES", 200)
    monkeypatch.setattr(paced_sender, "TURN_S", 1e-6)


async def begun_again(node: BusNode, server: RedisServer) -> None:
    """Cut the node off, and return when it has begun to report."""
    async with server.client() as client:
        await client.client_kill_filter(_type="pubsub", skipme=True)
    async with asyncio.timeout(10):
        while node.bus._subscriptions._greeting is None:
            await asyncio.sleep(0)


async def several_channels(node: BusNode) -> None:
    for number in range(CHANNELS):
        await node.enter(f"c{number}")
    await node.enter(ROOM, ANN)


@pytest.mark.usefixtures("slow_reports")
async def test_what_changes_while_a_node_reports_is_true_in_the_end(
    cluster: RedisCluster, server: RedisServer
) -> None:
    node, other = await cluster.node(), await cluster.node()
    await several_channels(node)
    await other.enter("news")
    await other.enter(ROOM, EVE)
    await begun_again(node, server)
    node.bus.leave(APP, "c0", None)
    node.bus.leave(APP, ROOM, "ann")
    node.bus.publish(PublishedEvent(APP, "news", b"meanwhile"))
    entering = [
        asyncio.create_task(node.enter(*where)) for where in (("c1",), (ROOM, BOB), ("new",), ("c299",))
    ]
    for _ in range(10):
        await asyncio.sleep(0)
    assert node.bus._subscriptions._greeting is not None  # still at it
    await asyncio.gather(*entering)
    await other.until(lambda: b"meanwhile" in other.texts() and len(other.texts(ROOM)) >= 2)
    counts = {name: state.subscription_count for name, state in (await other.bus.channels(APP, "")).items()}
    assert counts.pop("news") == 1
    assert counts.pop(ROOM) == 2
    assert counts == {f"c{number}": 1 for number in range(2, CHANNELS)} | {"c1": 2, "new": 1, "c299": 2}
    assert {member.user_id for member in await other.bus.members(APP, ROOM)} == {"bob", "eve"}
    assert sorted(other.texts(ROOM)) == sorted(
        [MEMBER_EVENTS.removed(ROOM, ANN), MEMBER_EVENTS.added(ROOM, BOB)]
    )
    assert other.texts() == [b"meanwhile"]
    for channel in ("c1", "c150", "new"):  # and it hears all of them
        await other.publish(b"afterwards", channel)
        await node.until(lambda channel=channel: node.texts(channel) == [b"afterwards"])  # type: ignore[misc]


@pytest.mark.parametrize("leaves", ["before it", "in it"])
async def test_who_left_is_told_of_if_the_next_session_breaks_before_it_reports(
    cluster: RedisCluster, server: RedisServer, monkeypatch: pytest.MonkeyPatch, leaves: str
) -> None:
    """Redis is empty also in the session behind it: it does not know who was there, nor who has only stayed."""
    here, there = await cluster.node(), await cluster.node()
    await here.enter(ROOM, ANN)
    await there.enter(ROOM, BOB)
    await there.enter(ROOM, EVE)
    await here.until(lambda: len(here.texts(ROOM)) == 2)
    here.received.clear()
    await server.kill()
    await there.until(lambda: there.bus.degraded)
    await here.until(lambda: here.bus.degraded)
    if leaves == "before it":
        there.bus.leave(APP, ROOM, "bob")
    broken, report_all = list[str](), RedisSession._report_all

    async def break_off_once(session: RedisSession, start: SessionStart) -> None:
        if broken or session._memory.node != there.name:
            await report_all(session, start)
        else:
            if leaves == "in it":
                there.bus.leave(APP, ROOM, "bob")
            broken.append(there.name)
            session.break_off(RedisUnavailable("once more"))

    monkeypatch.setattr(RedisSession, "_report_all", break_off_once)
    await server.start()
    await here.until(lambda: here.texts(ROOM))
    assert broken
    await there.until(lambda: there.bus.degraded is None)
    assert {member.user_id for member in await here.bus.members(APP, ROOM)} == {"ann", "eve"}
    assert here.texts(ROOM) == [MEMBER_EVENTS.removed(ROOM, BOB)]


@pytest.mark.usefixtures("slow_reports")
async def test_a_node_that_stops_while_it_reports_leaves_nothing_behind(
    cluster: RedisCluster, server: RedisServer
) -> None:
    node, other = await cluster.node(), await cluster.node()
    await several_channels(node)
    await begun_again(node, server)
    await node.bus.stop()
    with contextlib.suppress(ValueError):
        await cluster.kill(node)
    assert await other.bus.channels(APP, "") == {}
    async with server.client() as client:
        assert [key async for key in client.scan_iter("*node0*")] == []


async def test_a_publisher_goes_on_while_what_waited_is_delivered_here(
    cluster: RedisCluster, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revurb.bus.brokered.sliced_steps.SLICE_S", 1e-6)
    node, other = await cluster.node(), await cluster.node()
    await node.enter()
    await other.enter()
    server.signal(signal.SIGSTOP)
    accepted = [node.bus.publish(PublishedEvent(APP, "news", b"%d" % number)) for number in range(2000)]
    assert node.texts() == []
    node.bus._link._session.break_off(RedisUnavailable("for a test"))
    published = 2000
    async with asyncio.timeout(10):
        while len(node.texts()) < 2000:
            await asyncio.sleep(0)
            if node.bus.degraded and published < 2100:
                node.bus.publish(PublishedEvent(APP, "news", b"%d" % published))
                published += 1
    server.signal(signal.SIGCONT)
    await asyncio.gather(*accepted)
    expected = [b"%d" % number for number in range(published)]
    await node.until(lambda: len(node.texts()) >= published)
    await other.until(lambda: len(other.texts()) >= published)
    await node.until(lambda: not node.bus.degraded)
    await node.publish(b"last")
    for each in (node, other):
        await each.until(lambda each=each: b"last" in each.texts())  # type: ignore[misc]
        assert each.texts() == [*expected, b"last"]
    assert published == 2100
