"""What a worker is told by its relay: as if it had read it from Redis itself."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from revurb.bus.hub.framing import body_of
from revurb.bus.redis.pipelines import FAILURES, ServerPipelines, run_pipeline
from revurb.bus.redis.refusals import is_of_value, reason_of
from revurb.bus.relay import relay_messages as r
from tests.bus.redis.test_redis_socket import client, speaking
from tests.bus.relay.relayed_host import DEADLINE_S, RelayedHost

REPLIES = [
    b"+OK\r\n",
    b":0\r\n",
    b":-9223372036854775808\r\n",
    b":9223372036854775807\r\n",
    b"$-1\r\n",
    b"*-1\r\n",
    b"$0\r\n\r\n",
    b"$4\r\n\xff\x00\r\n\r\n",
    b"*0\r\n",
    b"*3\r\n:1\r\n*2\r\n$1\r\na\r\n*1\r\n*-1\r\n$-1\r\n",
    b"*2\r\n-ERR inside\r\n:1\r\n",
    b"-NOSCRIPT No matching script. Please use EVAL.\r\n",
    b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
    b"-MOVED 3999 127.0.0.1:6381\r\n",
    b"-ASK 3999 127.0.0.1:6381\r\n",
    b"-TRYAGAIN Multiple keys request during rehashing of slot\r\n",
    b"-CROSSSLOT Keys in request don't hash to the same slot\r\n",
    b"-CLUSTERDOWN The cluster is down\r\n",
    b"-READONLY You can't write against a read only replica.\r\n",
    b"-OOM command not allowed when used memory > 'maxmemory'.\r\n",
    b"-BUSY Redis is busy running a script.\r\n",
    b"-LOADING Redis is loading the dataset in memory\r\n",
    b"-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n",
    b"-MISCONF Redis is configured to save RDB snapshots\r\n",
    b"-NOPERM this user has no permissions to run the 'get' command\r\n",
    b"-NOAUTH Authentication required.\r\n",
    b"-WRONGPASS invalid username-password pair or user is disabled.\r\n",
    b"-EXECABORT Transaction discarded because of previous errors.\r\n",
    b"-NOREPLICAS Not enough good replicas to write.\r\n",
    b"-ERR max number of clients reached\r\n",
    b"-ERR user_script:1: Script attempted to access \xff\xfe nothing\r\n",
    b"-SOMETHING new\r\n",
    b"-\r\n",
    b"!nonsense\r\n",
]


@pytest.mark.parametrize("reply", REPLIES)
async def test_a_reply_or_failure_is_what_it_is_on_a_connection_of_its_own(
    reply: bytes, tmp_path: Path
) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"GET")
        writer.write(reply)
        await reader.read()

    async with speaking(speak) as port, client(port) as redis, asyncio.timeout(DEADLINE_S):
        own = ServerPipelines(lambda: redis)
        expected = await _told(own)
        await own.close()
        async with RelayedHost(lambda: client(port), str(tmp_path / "relay.sock")) as host:
            assert await _told((await host.worker()).pipelines) == expected


async def _told(pipelines: ServerPipelines) -> Any:
    try:
        return _described(await run_pipeline(pipelines, [("GET", "a")]))
    except FAILURES as error:
        return "failed", _described(error)


def _described(value: Any) -> Any:
    if isinstance(value, list):
        return [_described(each) for each in value]
    if isinstance(value, Exception):
        return type(value), str(value), is_of_value(value), reason_of(value)
    return value


@pytest.mark.parametrize(
    "message",
    [
        r.RelayJoin(7, 8),
        r.RelayCommands(1, b"PING\r\n", 1),
        r.RelaySubscribe([b"news", b"\xff"]),
        r.RelayUnsubscribe([]),
        r.RelayDistrust("no beat"),
    ],
)
def test_messages_of_workers_are_read_as_they_were_written(message: r.FromWorkerToRelay) -> None:
    assert r.read_from_worker(body_of(r.encode_relay_frame(message))) == message


def test_what_is_no_reply_of_redis_is_not_written() -> None:
    with pytest.raises(NotImplementedError, match="a reply of the type object"):
        r.encode_relay_frame(r.RelayReplies(1, [object()]))
