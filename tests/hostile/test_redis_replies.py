"""Something between a node and its Redis that says what Redis has not said: the connection ends, and nothing is lost,
told too early, or comes twice."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from revurb.pusher.ports import PublishedEvent
from tests.bus.engines import APP
from tests.bus.redis_engines import RedisCluster
from tests.chaos.proxy import Proxy
from tests.conftest import Need, Run
from tests.redis_server import RedisServer


@pytest.fixture
def server(need: Need, tmp_path: Path) -> RedisServer:
    return RedisServer(need("redis-server"), tmp_path)


@pytest.fixture
def cluster(server: RedisServer, run: Run) -> Iterator[RedisCluster]:
    cluster = RedisCluster(server, lease_s=5)
    yield cluster
    run(cluster.close())


@pytest.mark.parametrize(
    ("data", "to_subscribers", "is_repeated"),
    [
        (b"nonsense\r\n", True, False),
        (b"$-7\r\n", True, False),
        (b"*1\r\n+message\r\n", True, False),  # without what was published
        (b"-ERR go away\r\n", True, False),
        (b":1\r\n", True, False),
        (b"nonsense\r\n", False, True),
        # Taken for the next command's, each would be told what the one before has done.
        (b"+OK\r\n", False, True),
        (b"*0\r\n" * 1000, False, True),
    ],
    ids=lambda value: value[:12].decode().strip() if isinstance(value, bytes) else str(value),
)
async def test_what_redis_has_not_said(
    cluster: RedisCluster,
    server: RedisServer,
    tmp_path: Path,
    data: bytes,
    to_subscribers: bool,
    is_repeated: bool,
) -> None:
    """A command connection is opened once more, and the pipeline in flight, if there is one, sent again. If the
    subscribing one ends, so does the session."""
    await server.start()
    proxy = Proxy(str(tmp_path / "proxy.sock"), server.socket)
    await proxy.start()
    cluster.behind[0] = proxy.path
    try:
        here, there = await cluster.node(), await cluster.node()
        for node in (here, there):
            await node.enter()
        texts = [b"%d" % number for number in range(10)]
        for text in texts[:5]:
            await here.publish(text)
        await here.until(lambda: len(here.texts()) == 5)
        session = here.bus._link._session
        assert proxy.say(data, to_subscribers=to_subscribers) == 1
        if not is_repeated:
            await here.until(lambda: here.bus._link._session is not session and not here.bus.degraded)
        for text in texts[5:]:
            await here.publish(text)
        for node in (here, there):
            await node.until(lambda node=node: len(node.texts()) == 10)  # type: ignore[misc]
            assert node.texts() == texts
            assert (node.bus.missed, node.bus.health.dropped) == (0, 0)
        assert is_repeated is (here.bus._link._session is session)
    finally:
        await cluster.close()
        await proxy.close()


async def test_an_event_is_not_accepted_by_what_redis_has_not_said(
    cluster: RedisCluster, server: RedisServer, tmp_path: Path
) -> None:
    """A reply too many would be that of the next command, for as long as the connection lives."""
    await server.start()
    proxy = Proxy(str(tmp_path / "proxy.sock"), server.socket)
    await proxy.start()
    cluster.behind[0] = proxy.path
    try:
        here = await cluster.node()
        await here.publish(b"0")
        commands = here.bus._link._session._commands
        assert proxy.say(b"+OK\r\n", to_subscribers=False) == 1
        await here.until(lambda: commands._pipelines._socket.is_lost)
        server.signal(signal.SIGSTOP)
        accepted = here.bus.publish(PublishedEvent(APP, "news", b"1"))
        await here.until(lambda: not commands.waiting)  # it is on its way
        for _ in range(20):
            await asyncio.sleep(0)
        assert not accepted.done()
        server.signal(signal.SIGCONT)
        await accepted
    finally:
        await cluster.close()
        await proxy.close()
