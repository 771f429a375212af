"""Sending commands to the servers of a Redis Cluster: to each those of its slots, over a connection of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

from redis.asyncio import RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.exceptions import AskError, MovedError, SlotNotCoveredError, TryAgainError
from redis.exceptions import ConnectionError as RedisConnectionError

from revurb.bus.redis.cancellation import cancel_and_wait
from revurb.bus.redis.pipelines import CommandArgs, PipelineDone, Pipelines, ServerPipelines
from revurb.bus.redis.shared_redis import LinkedRedis, SharedRedis

_RAW_REPLIES = "HGETALL", "HSCAN", "SMEMBERS", "XRANGE", "ZRANGE"  # replies that redis-py would convert
_MOVED = MovedError, AskError, TryAgainError


def pipelines(redis: LinkedRedis) -> Pipelines:
    """Pipelines over connections of `redis`. The caller closes `redis`."""
    if isinstance(redis, RedisCluster):
        return ClusterPipelines(redis)
    server = redis.commands if isinstance(redis, SharedRedis) else redis
    return ServerPipelines(lambda: server)


class ClusterPipelines:
    """Each command needs a key. redis-py knows which server has which slot, and sends those again, one by one, that a
    server refuses because a slot has moved."""

    def __init__(self, redis: RedisCluster) -> None:
        for name in _RAW_REPLIES:
            redis.response_callbacks.pop(name, None)
        self._loop = asyncio.get_running_loop()
        self._redis = redis
        self._servers: dict[str, ServerPipelines] = {}  # by name
        self._task: asyncio.Task[None] | None = None

    def send(self, commands: Sequence[CommandArgs], done: PipelineDone) -> None:
        try:
            by_server = self._numbers_by_server(commands)
        except Exception:  # redis-py raises several types for a slot without a server
            self._task = self._loop.create_task(self._find_servers(commands, done))
            return
        self._send_to(by_server, commands, done)

    async def close(self) -> None:
        await cancel_and_wait(self._task)
        for server in self._servers.values():
            await server.close()

    def _numbers_by_server(self, commands: Sequence[CommandArgs]) -> dict[str, list[int]]:
        """The commands of each server, by their numbers. Raises if a slot has none."""
        redis, by_server = self._redis, dict[str, list[int]]()
        for number, args in enumerate(commands):
            slot = redis.keyslot(args[3] if args[0] == "EVALSHA" else args[1])
            by_server.setdefault(redis.nodes_manager.get_node_from_slot(slot).name, []).append(number)
        return by_server

    async def _find_servers(self, commands: Sequence[CommandArgs], done: PipelineDone) -> None:
        try:
            await self._redis.initialize()
            try:
                by_server = self._numbers_by_server(commands)
            except (IndexError, KeyError, TypeError) as error:
                raise SlotNotCoveredError(f"no server has the slot {error}") from error
            self._send_to(by_server, commands, done)
        except Exception as error:
            done(error)

    def _send_to(
        self, by_server: dict[str, list[int]], commands: Sequence[CommandArgs], done: PipelineDone
    ) -> None:
        left = len(by_server)
        replies: list[Any] = [None] * len(commands)
        failure: Exception | None = None

        def came(numbers: list[int], of_server: list[Any] | Exception) -> None:
            nonlocal left, failure
            left -= 1
            if isinstance(of_server, Exception):
                failure = of_server
            else:
                for number, reply in zip(numbers, of_server, strict=True):
                    replies[number] = reply
            if left:
                return  # of each server one pipeline is in flight at a time, whatever becomes of it
            if failure is not None:
                done(failure)
            elif any(isinstance(reply, _MOVED) for reply in replies):
                self._task = self._loop.create_task(self._follow(commands, replies, done))
            else:
                done(replies)

        for name, numbers in by_server.items():
            server = self._servers.get(name)
            if server is None:
                server = self._servers[name] = ServerPipelines(partial(self._server, name))
            server.send([commands[number] for number in numbers], partial(came, numbers))

    async def _follow(self, commands: Sequence[CommandArgs], replies: list[Any], done: PipelineDone) -> None:
        """Send those again whose slot has moved, in their order."""
        for number, reply in enumerate(replies):
            if isinstance(reply, _MOVED):
                try:
                    replies[number] = await self._redis.execute_command(*commands[number])
                except Exception as error:  # of several types; the queue knows what each means
                    replies[number] = error
        done(replies)

    def _server(self, name: str) -> ClusterNode:
        node = self._redis.get_node(node_name=name)
        if node is None:
            raise RedisConnectionError(f"{name} is not in the cluster any more")
        return node
