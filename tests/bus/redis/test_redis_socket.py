"""Connections that redis-py has made, spoken over without its streams: with real servers, and ones that speak badly."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from hiredis import pack_command
from redis.asyncio import Connection, ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, NoScriptError, RedisError, ResponseError

from revurb.bus.redis.redis_socket import NOTHING, RedisSocket, Replies
from tests.redis_server import RedisServer

PONG = b"+PONG\r\n"
Speak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


class Owner:
    """Reads all that comes, as long as `reads`."""

    def __init__(self) -> None:
        self.replies: asyncio.Queue[Any] = asyncio.Queue()
        self.lost: asyncio.Queue[Exception] = asyncio.Queue()
        self.socket: RedisSocket
        self.reads = True

    def on_replies(self, replies: Replies) -> None:
        if not self.reads:
            self.socket.pause()
            return
        while (reply := replies()) is not NOTHING:
            self.replies.put_nowait(reply)

    def on_lost(self, error: Exception) -> None:
        self.lost.put_nowait(error)


def pack(*words: str | bytes) -> bytes:
    packed: bytes = pack_command(words)  # type: ignore[arg-type]
    return packed


@contextlib.asynccontextmanager
async def opened(redis: Redis) -> AsyncIterator[tuple[RedisSocket, Owner]]:
    owner = Owner()
    async with asyncio.timeout(10):
        socket = owner.socket = await RedisSocket.open(redis, owner)
        try:
            yield socket, owner
        finally:
            await socket.close()


@contextlib.asynccontextmanager
async def speaking(speak: Speak, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of a server that greets clients as Redis does, and then `speak`s."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            for _ in range(2):  # CLIENT SETINFO
                await reader.readuntil(b"LIB-")
                writer.write(b"+OK\r\n")
            await reader.readuntil(b"\r\n$")
            await speak(reader, writer)
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def client(port: int, **options: Any) -> Redis:
    return Redis(host="127.0.0.1", port=port, protocol=2, retry=Retry(NoBackoff(), 0), **options)


async def test_replies_come_as_hiredis_reads_them_and_errors_are_exceptions(server: RedisServer) -> None:
    await server.start()
    async with server.client() as redis, opened(redis) as (socket, owner):
        socket.write(
            pack("SET", "a", b"\xff") + pack("GET", "a") + pack("HLEN", "a") + pack("EVALSHA", "x", "0")
        )
        found = [await owner.replies.get() for _ in range(4)]
        assert found[:2] == [b"OK", b"\xff"]
        assert [type(error) for error in found[2:]] == [ResponseError, NoScriptError]
        assert (socket.server, socket.timeout_s, socket.is_of_master) == (server.socket, 2, False)


async def test_a_large_reply_comes_whole(server: RedisServer) -> None:
    await server.start()
    async with server.client() as redis, opened(redis) as (socket, owner):
        data = bytes(range(256)) * 20_000
        socket.write(pack("SET", "a", data) + pack("GET", "a"))
        assert [await owner.replies.get() for _ in range(2)] == [b"OK", data]


async def test_who_is_slow_is_sent_no_more_than_is_taken(server: RedisServer) -> None:
    """`when_writable` waits while the server takes nothing, and calls once when it does again."""
    await server.start()
    async with server.client() as redis, opened(redis) as (socket, owner):
        socket.when_writable(lambda: owner.replies.put_nowait("at once"))
        assert await owner.replies.get() == "at once"
        data = b"x" * 8_000_000
        socket.write(pack("SET", "a", data))
        socket.when_writable(lambda: owner.replies.put_nowait("writable"))
        assert not socket._is_writable
        assert {str(await owner.replies.get()) for _ in range(2)} == {"writable", "b'OK'"}


async def test_nothing_is_read_while_it_is_paused_and_all_of_it_then(server: RedisServer) -> None:
    await server.start()
    async with server.client() as redis, opened(redis) as (socket, owner):
        owner.reads = False
        for number in range(3):
            socket.write(pack("INCR", "n"))
            while await redis.get("n") != b"%d" % (number + 1):
                pass
        assert owner.replies.empty()
        owner.reads = True
        socket.read_on()
        socket.read_on()
        assert [await owner.replies.get() for _ in range(3)] == [1, 2, 3]
        socket.write(pack("PING"))
        assert await owner.replies.get() == b"PONG"


async def test_a_server_that_goes_is_told_once_and_what_is_written_then_goes_nowhere(
    server: RedisServer,
) -> None:
    await server.start()
    async with server.client() as redis, opened(redis) as (socket, owner):
        await server.kill()
        assert isinstance(await owner.lost.get(), RedisConnectionError)
        assert socket.is_lost
        socket.write(pack("PING"))
        socket.pause()
        socket.read_on()
        socket.break_off(RedisConnectionError("again"))
        await asyncio.sleep(0)
        assert owner.lost.empty()


async def test_who_closes_it_is_told_nothing_and_redis_has_one_client_less(server: RedisServer) -> None:
    await server.start()
    async with server.client() as redis, server.client() as other:
        async with opened(redis) as (socket, owner):
            assert len(await other.client_list()) == 2
            await socket.close()
        while len(await other.client_list()) != 1:
            pass
        assert owner.lost.empty()
        assert await redis.ping()  # its client can still be used


@pytest.mark.parametrize(
    ("bytes_", "replies", "error"),
    [
        (b"+ONE\r\nnonsense\r\n", [b"ONE"], InvalidResponse),
        (b"*2\r\n$3\r\nhal", [], RedisConnectionError),
        (b"", [], RedisConnectionError),
        (b"$-7\r\n", [], InvalidResponse),
    ],
)
async def test_what_is_no_reply_ends_the_connection(
    bytes_: bytes, replies: list[bytes], error: type[Exception]
) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"GO")
        writer.write(bytes_)

    async with speaking(speak) as port, client(port) as redis, opened(redis) as (socket, owner):
        socket.write(pack("GO"))
        assert type(await owner.lost.get()) is error
        assert [owner.replies.get_nowait() for _ in range(owner.replies.qsize())] == replies


@pytest.mark.parametrize("reads_on", [False, True])
async def test_an_owner_that_fails_loses_it(
    server: RedisServer, caplog: pytest.LogCaptureFixture, reads_on: bool
) -> None:
    """A fault of this program, in whichever turn: nobody may believe that replies still come."""
    await server.start()
    async with server.client() as redis, opened(redis) as (socket, owner):

        def fail(replies: Replies) -> None:
            raise KeyError("in the owner")

        owner.on_replies = fail  # type: ignore[method-assign]
        if reads_on:
            socket.read_on()
        else:
            socket.write(pack("PING"))
        assert str(await owner.lost.get()) == "'in the owner'"
        assert [record.message for record in caplog.records] == ["replies of redis not understood"]
        assert socket.is_lost


async def test_a_connection_of_the_users_own_class_is_taken_as_it_is(server: RedisServer) -> None:
    """Whoever authenticates in a way of his own, or connects by another way, is not asked how."""
    await server.start()

    class Own(Connection):
        async def _connect(self) -> None:
            self._reader, self._writer = await asyncio.open_unix_connection(server.socket)

        async def on_connect_check_health(self, check_health: bool = True) -> None:
            await super().on_connect_check_health(check_health)
            await self.send_command("CLIENT", "SETNAME", "own")
            await self.read_response()

    pool = ConnectionPool(connection_class=Own, protocol=2, decode_responses=True)
    async with Redis.from_pool(pool) as redis, opened(redis) as (socket, owner):
        socket.write(pack("CLIENT", "GETNAME"))
        assert await owner.replies.get() == b"own"


async def test_over_tls(tmp_path: Path) -> None:
    """Many replies at once: TLS reads ahead."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"GO")
        for number in range(20_000):
            writer.write(b":%d\r\n" % number)
        await writer.drain()
        await reader.readuntil(b"END")

    async with speaking(speak, context) as port:
        options = {"ssl": True, "ssl_ca_certs": str(tmp_path / "ca.pem")}
        async with client(port, **options) as redis, opened(redis) as (socket, owner):
            socket.write(pack("GO"))
            assert [await owner.replies.get() for _ in range(20_000)] == list(range(20_000))
            socket.write(pack("END"))
            assert isinstance(await owner.lost.get(), RedisConnectionError)


async def test_a_server_that_cannot_be_reached_or_refuses_leaves_nothing_open(server: RedisServer) -> None:
    async with server.client() as redis:
        with pytest.raises(RedisError):
            await RedisSocket.open(redis, Owner())
    await server.start()
    async with server.client() as admin:
        await admin.acl_setuser("default", enabled=True, reset_passwords=True, passwords=["+secret"])
        async with Redis(
            unix_socket_path=server.socket, password="wrong", retry=Retry(NoBackoff(), 0)
        ) as redis:
            with pytest.raises(RedisError, match="username-password"):
                await RedisSocket.open(redis, Owner())
