"""Sending commands and reading their replies: one write for all commands of a pipeline, and no task that waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

from hiredis import pack_command
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError, RedisClusterException, RedisError, SlotNotCoveredError

from revurb.bus.redis.cancellation import cancel_and_wait
from revurb.bus.redis.redis_socket import NOTHING, Replies
from revurb.bus.redis.shared_redis import ServerSocket, SocketSource, open_socket

AnyRedis: TypeAlias = Redis | RedisCluster
CommandArg: TypeAlias = str | bytes | int
CommandArgs: TypeAlias = tuple[CommandArg, ...]  # its name and arguments
# RedisClusterException is not a RedisError.
FAILURES = RedisError, OSError, RedisClusterException, SlotNotCoveredError

# Gets the replies in order, with an error for each command that was refused; or why there are none.
PipelineDone: TypeAlias = Callable[[list[Any] | Exception], None]


class Pipelines(Protocol):
    """Where commands are sent. One pipeline is in flight at a time."""

    def send(self, commands: Sequence[CommandArgs], done: PipelineDone) -> None:
        """Send commands; connects if needed. An error that `done` gets is one of FAILURES, or a fault of this program.
        Raises TypeError for a command that cannot be packed."""

    async def close(self) -> None:
        """End the connections, whatever is in flight: `done` is not called."""


async def run_pipeline(pipelines: Pipelines, commands: Sequence[CommandArgs]) -> list[Any]:
    """Send commands and return their replies. Raises what `done` would get, and what `send` raises."""
    future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()

    def done(replies: list[Any] | Exception) -> None:
        if future.done():
            return
        if isinstance(replies, Exception):
            future.set_exception(replies)
        else:
            future.set_result(replies)

    pipelines.send(commands, done)
    return await future


class ServerPipelines:
    """Over one connection that is kept, to the server that `find` gives: a client of it, a server of a Cluster, or what
    is shared of a Redis.
    `find` may raise one of FAILURES. A pipeline that takes longer than the client's timeout has failed, and so
    has the connection."""

    def __init__(self, find: Callable[[], Redis | ClusterNode | SocketSource]) -> None:
        self._loop = asyncio.get_running_loop()
        self._find = find
        self._socket: ServerSocket | None = None
        self._opening: asyncio.Task[None] | None = None
        self._done: PipelineDone | None = None  # of the pipeline in flight
        self._count = 0  # of its commands
        self._replies: list[Any] = []
        self._sent_at = 0.0
        self._timeout_s: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def send(self, commands: Sequence[CommandArgs], done: PipelineDone) -> None:
        # The stub of pack_command says: one word. Joined, they are written with less effort than 100 small pieces.
        packed = b"".join([pack_command(args) for args in commands])  # type: ignore[arg-type]
        self.send_packed(packed, len(commands), done)

    def send_packed(self, packed: bytes, count: int, done: PipelineDone) -> None:
        """The same for `count` commands that are packed already."""
        self._done, self._count, self._replies = done, count, []
        socket = self._socket
        if socket is None or socket.is_lost:
            self._opening = self._loop.create_task(self._open(packed))
        else:
            self._sent_at = self._loop.time()
            socket.write(packed, count)

    async def close(self) -> None:
        self._done = None
        if self._timer is not None:
            self._timer.cancel()
        await cancel_and_wait(self._opening)
        if self._socket is not None:
            await self._socket.close()

    async def _open(self, packed: bytes) -> None:
        try:
            if self._socket is not None:
                lost, self._socket = self._socket, None
                await lost.close()
            async with asyncio.timeout(self._timeout_s):
                socket = self._socket = await open_socket(self._find(), self)
        except Exception as error:  # whoever waits has to be told
            self._finish(error)
            return
        self._sent_at = self._loop.time()
        self._timeout_s = socket.timeout_s
        if self._timeout_s is not None and self._timer is None:
            self._timer = self._loop.call_later(self._timeout_s, self._look, self._timeout_s)
        socket.write(packed, self._count)

    def _look(self, timeout_s: float) -> None:
        """Called when a pipeline that was sent when this was last called would have taken too long. There is one timer
        for all: one for each pipeline would be a twentieth of what a short one costs."""
        now, due_at = self._loop.time(), self._sent_at + timeout_s
        is_waiting = self._done is not None and self._socket is not None and not self._socket.is_lost
        if is_waiting and now >= due_at:
            assert self._socket is not None
            self._socket.break_off(TimeoutError())
        self._timer = self._loop.call_later(
            due_at - now if is_waiting and due_at > now else timeout_s, self._look, timeout_s
        )

    def _finish(self, result: list[Any] | Exception) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(result)

    def _failure(self) -> Exception | None:
        """An error among the replies that says that the connection is of no use."""
        for reply in self._replies:
            if isinstance(reply, RedisConnectionError):
                return reply
            if isinstance(reply, ReadOnlyError) and self._socket is not None and self._socket.is_of_master:
                return RedisConnectionError("The previous master is now a slave")
        return None

    # What the socket calls (`SocketOwner`).

    def on_replies(self, replies: Replies) -> None:
        found, socket = self._replies, self._socket
        while (reply := replies()) is not NOTHING:
            if len(found) >= self._count and socket is not None:
                socket.break_off(RedisConnectionError("a reply that nobody has asked for"))
                return
            found.append(reply)
        if len(found) < self._count or self._done is None:
            return
        failure = self._failure()
        if failure is None or socket is None:
            self._finish(found)
        else:
            socket.break_off(failure)

    def on_lost(self, error: Exception) -> None:
        self._finish(error)
