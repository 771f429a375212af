"""Sessions of a link begin, end and follow each other on a real Redis."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator

import pytest

from revurb.bus.brokered import broker_messages as m
from revurb.bus.redis.command_queue import RedisUnavailable
from revurb.bus.redis.envelope import StreamId
from revurb.bus.redis.keys import Keys
from revurb.bus.redis.redis_heartbeat import SILENT_AFTER_S
from revurb.bus.redis.redis_session import OPENING_S, RedisSession
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import ChannelState, Member
from tests.bus.engines import APP, DEADLINE_S, BusNode, resolve
from tests.bus.redis_engines import RedisCluster
from tests.conftest import Run
from tests.redis_server import RedisServer


@pytest.fixture
def cluster(server: RedisServer, run: Run) -> Iterator[RedisCluster]:
    cluster = RedisCluster(server, lease_s=10 * DEADLINE_S)
    yield cluster
    run(cluster.close())


def session_of(node: BusNode) -> RedisSession:
    session = node.bus._link._session
    assert isinstance(session, RedisSession)
    return session


async def becomes(expected: object, value: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while await value() != expected:
            await asyncio.sleep(0.02)


async def next_session(node: BusNode, session: RedisSession) -> RedisSession:
    """Wait until there is another one, and the bus has told it everything."""
    await node.until(
        lambda: (
            session_of(node) is not session
            and session_of(node).is_up
            and not node.bus.degraded
            and node.bus._sender.messages is None
        )
    )
    return session_of(node)


async def test_a_session_that_ends_leaves_nothing_behind(cluster: RedisCluster, server: RedisServer) -> None:
    """Neither connections, of which Redis has a limited number, nor tasks, nor work that somebody would still do."""
    node = await cluster.node()
    session, incoming = session_of(node), node.bus._link._memory.incoming
    assert not session._publisher.by_partition  # one server takes the events of all channels in one run

    def tasks() -> Counter[str]:
        return Counter(task.get_coro().__qualname__ for task in asyncio.all_tasks())  # type: ignore[union-attr]

    async def running() -> Counter[str]:
        return tasks()

    async with server.client() as client:

        async def connections() -> int:
            return len(await client.client_list())

        await node.until(lambda: not node.bus.degraded)
        before = tasks(), await connections()
        for _ in range(3):
            late: list[str] = []
            waits = asyncio.Event()
            session._work.hold()
            session._work.run(late.append, "work")
            session._tasks.start(_wait_for(waits))
            incoming.expect_reply(0, "7", late.append)
            session.break_off(RedisUnavailable("one"))
            session.break_off(RedisUnavailable("another"))  # of two things that break, the first ends it
            ended, session = session, await next_session(node, session)
            ended._work.release()
            incoming.receive_reply("7", "reply")
            incoming.receive_marker(0, b"7")
            await becomes(before[0], running)
            await becomes(before[1], connections)
            assert late == []
            assert session_of(node) is session


@pytest.mark.parametrize("is_away", [False, True], ids=["lost", "away"])
async def test_a_link_that_stops_while_a_session_ends_leaves_nothing_behind(
    cluster: RedisCluster, server: RedisServer, is_away: bool
) -> None:
    """Wherever in that end it is told to, and without a complaint of asyncio's."""
    node = await cluster.node()
    link = node.bus._link
    await node.until(lambda: not node.bus.degraded)
    for steps in range(40):
        if is_away:
            await server.kill()
        else:
            session_of(node).break_off(RedisUnavailable("x"))
        for _ in range(steps):
            await asyncio.sleep(0)
        task = link._task
        task.cancel()
        await asyncio.wait((task,))
        names = [task.get_coro().__qualname__ for task in asyncio.all_tasks()]  # type: ignore[union-attr]
        assert not [name for name in names if name.startswith(("RedisSession", "NodeLeases", "CommandQueue"))]
        if not is_away:
            link.start()
            await node.until(lambda: session_of(node).is_up)
        elif steps < 39:
            link.start()
    if is_away:
        await server.start()
        link.start()
    await node.until(lambda: session_of(node).is_up)
    async with server.client() as client, asyncio.timeout(DEADLINE_S):
        while len(await client.client_list()) > 3:  # two of the node, and this one
            await asyncio.sleep(0.02)


async def test_a_node_that_is_held_when_its_session_ends_has_another(cluster: RedisCluster) -> None:
    node = await cluster.node()
    session = session_of(node)
    async with asyncio.timeout(DEADLINE_S):
        await session.finish()  # nobody leaves
    node.bus.hold_receiving(True)
    session.break_off(RedisUnavailable("x"))
    async with asyncio.timeout(OPENING_S / 2):
        await next_session(node, session)


async def _wait_for(event: asyncio.Event) -> None:
    await event.wait()


async def test_a_redis_that_does_not_answer_is_given_up(
    cluster: RedisCluster,
    server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Connected, and nothing comes: another server may be behind the address when it is tried again."""
    monkeypatch.setattr("revurb.bus.redis.redis_session.OPENING_S", 0.2)
    monkeypatch.setattr("revurb.bus.brokered.brokered_bus.BROKER_WAIT_S", 0.1)
    await server.start()
    server.signal(signal.SIGSTOP)
    node = await cluster.node_without_server()
    session = session_of(node)
    await node.until(lambda: session_of(node) is not session)
    assert not session_of(node).is_up
    server.signal(signal.SIGCONT)
    await node.until(lambda: not node.bus.degraded)
    [warning] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.__dict__["reason"] == "no answer for 0 s"


async def test_a_redis_that_has_lost_its_memory_begins_with_the_first_event(
    cluster: RedisCluster, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Its positions may be below those of before, where the clock of the server before was ahead."""
    node = await cluster.node()
    await node.enter("presence-x", Member("ann", b'"ann"', b"null"))
    session, memory = session_of(node), node.bus._link._memory
    topic = memory.topics.find(APP, "presence-x")
    topic.newest = StreamId(2**50, 0)
    memory.incoming.advance_to(topic.partition, topic.newest)
    for is_lost in (False, True):
        if is_lost:
            async with server.client() as client:
                await client.flushall()
        session._leases._renew(session._leases._renewed)
        if not is_lost:
            await session.finish()
            assert session_of(node) is session
    session = await next_session(node, session)
    lost = [record for record in caplog.records if "lost its memory: " in record.message]
    assert [record.levelname for record in lost] == ["WARNING"]
    assert len(await resolve(node.bus.members(APP, "presence-x"))) == 1
    await node.publish(b"first", "presence-x")
    await node.until(lambda: node.texts("presence-x") == [b"first"])
    assert node.bus.missed == 1
    session.break_off(RedisUnavailable("x"))
    await next_session(node, session)
    assert node.bus.missed == 1  # not where nothing was lost
    assert len([record for record in caplog.records if "lost its memory: " in record.message]) == 1


async def test_a_node_that_has_stopped_has_left(
    cluster: RedisCluster, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much was to be done before. The others forget it, and Redis has nothing of it."""
    other, node = await cluster.node(), await cluster.node()
    told: list[object] = []
    monkeypatch.setattr(other.bus, "receive", told.extend)
    await node.enter("presence-x", Member("ann", b'"ann"', b"null"))
    await node.publish(b"x")
    session = session_of(node)
    session._work.hold()
    stopping = asyncio.create_task(node.bus.stop())
    for _ in range(3):
        await session._commands.flush()
    assert not stopping.done()
    session._work.release()
    await stopping
    await other.until(lambda: m.NodeGone(node.name) in told)
    async with server.client() as client:
        assert await client.keys("*held*") == await client.keys("*seqs*") == []
        assert await client.zrange(Keys("revurb").leases, 0, -1) == [other.name.encode()]


async def test_of_a_new_redis_nothing_is_told_until_others_have_reported(
    cluster: RedisCluster, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revurb.bus.redis.resync_barrier.RESYNC_WAIT_S", 60.0)
    node = await cluster.node()
    session = session_of(node)
    async with server.client() as client:
        await client.flushall()
    session._leases._renew(session._leases._renewed)
    session = await next_session(node, session)
    asked = asyncio.ensure_future(resolve(node.bus.connections(APP)))
    admitted = asyncio.ensure_future(resolve(node.bus.admit(APP, 5)))
    await session.finish()
    assert not asked.done()
    assert not admitted.done()
    async with asyncio.timeout(DEADLINE_S):
        while session._memory.is_resyncing:  # until then, the next one would wait alike
            await asyncio.sleep(0.005)
    session.break_off(RedisUnavailable("x"))  # the next one begins with what Redis has by then
    await next_session(node, session)
    async with asyncio.timeout(DEADLINE_S):
        assert await admitted
        await asked


async def test_whoever_enters_a_new_redis_first_waits_for_what_others_report(
    cluster: RedisCluster, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = await cluster.node(), await cluster.node()
    await here.publish(b"kept", "cache-a", cache_ttl_s=60)
    async with server.client() as client:
        await client.flushall()
    monkeypatch.setattr("revurb.bus.redis.resync_barrier.RESYNC_WAIT_S", 60.0)
    for node in (there, here):
        session = session_of(node)
        session._leases._renew(session._leases._renewed)
        await next_session(node, session)
        if node is there:
            entering = asyncio.create_task(there.enter("cache-a", want_cached=True))
            for _ in range(10):
                await session_of(there)._commands.flush()
    async with server.client() as client:

        async def reported() -> object:
            return await client.get(Keys("revurb").topic(APP, "cache-a").cached)

        await becomes(b"kept", reported)
    session_of(there)._memory.barrier._open()
    assert (await entering).cached == b"kept"


async def test_a_subscribing_connection_that_is_closed_ends_the_session_at_once(
    cluster: RedisCluster, server: RedisServer
) -> None:
    node = await cluster.node()
    session = session_of(node)
    async with server.client() as client, asyncio.timeout(SILENT_AFTER_S / 2):
        await client.client_kill_filter(_type="pubsub", skipme=True)
        await next_session(node, session)


@pytest.mark.parametrize("lost", ["counts", "members"])
async def test_what_somebody_else_wrote_over_is_reported_anew_by_all(
    cluster: RedisCluster, server: RedisServer, lost: str
) -> None:
    """And nobody is told that those came who were there before."""
    here, there = await cluster.node(), await cluster.node()
    for node in (here, there):
        await node.enter("presence-x", Member(node.name, b'"x"', b"null"))
    sessions = [session_of(node) for node in (here, there)]
    async with server.client() as client:
        key = getattr(Keys("revurb").topic(APP, "presence-x"), lost)
        await client.delete(key)
        await client.set(key, "somebody else's")
    new = Member("new", b'"new"', b"null")
    await here.enter("presence-x", new)

    async def state() -> object:
        return await resolve(there.bus.describe(APP, ["presence-x"]))

    await becomes([ChannelState(3, 3)], state)
    await here.publish(b"end", "presence-x")
    await there.until(lambda: there.texts("presence-x")[-1:] == [b"end"])
    assert there.texts("presence-x") == [MEMBER_EVENTS.added("presence-x", new), b"end"]
    assert [session_of(node) for node in (here, there)] == sessions


async def test_a_node_begins_anew_once_a_minute_however_often_it_is_asked_to(
    cluster: RedisCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = await cluster.node(), await cluster.node()

    async def ask() -> None:
        """`there` asks every node, itself too, and each has heard it."""
        session_of(there)._notes.ask_for_reports()

    first, second = session_of(here), session_of(there)
    await ask()
    first, second = await next_session(here, first), await next_session(there, second)
    await ask()
    await there.publish(b"x")  # behind it
    async with asyncio.timeout(DEADLINE_S):  # as soon as all have answered
        assert len(await there.bus.survey(b"who?", 10 * DEADLINE_S)) == 2
    assert (session_of(here), session_of(there)) == (first, second)
    monkeypatch.setattr("revurb.bus.redis.redis_session.AGAIN_S", 0)
    await ask()
    await next_session(here, first)
    await next_session(there, second)
