"""Sessions of a link begin, end and follow each other on a real Redis."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator

import pytest

from revurb.bus.redis.command_queue import RedisUnavailable
from revurb.bus.redis.redis_session import RedisSession
from tests.bus.engines import DEADLINE_S, BusNode, RedisCluster
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
    await node.until(lambda: session_of(node) is not session and not node.bus.degraded)
    return session_of(node)


async def test_a_session_that_ends_leaves_nothing_behind(cluster: RedisCluster, server: RedisServer) -> None:
    """Neither connections, of which Redis has a limited number, nor tasks, nor work that somebody would still do."""
    node = await cluster.node()
    session = session_of(node)

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
            session.break_off(RedisUnavailable("one"))
            session.break_off(RedisUnavailable("another"))  # of two things that break, the first ends it
            ended, session = session, await next_session(node, session)
            ended._work.release()
            await becomes(before[0], running)
            await becomes(before[1], connections)
            assert late == []


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
    answers = there.bus.survey(b"who?", 5)
    assert len(await answers) == 2
    assert (session_of(here), session_of(there)) == (first, second)
    monkeypatch.setattr("revurb.bus.redis.redis_session.AGAIN_S", 0)
    await ask()
    await next_session(here, first)
    await next_session(there, second)
