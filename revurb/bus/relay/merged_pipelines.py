"""Commands of several workers in one pipeline. While one is in flight, those that come wait for the next."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import deque
from typing import Any, NamedTuple

from hiredis import Reader
from redis.exceptions import ResponseError

from revurb.bus.redis.cancellation import cancel_and_wait
from revurb.bus.redis.cluster_pipelines import pipelines
from revurb.bus.redis.pipelines import AnyRedis, CommandArgs, PipelineDone, ServerPipelines, run_pipeline

_log = logging.getLogger(__name__)

MAX_COMMANDS = 400  # of a pipeline, unless one worker's has more: its replies are read in one go, 4 ms


class _WorkerCommands(NamedTuple):
    packed: bytes
    commands: int
    done: PipelineDone


class MergedPipelines:
    """To the servers of `redis`, which the caller closes. Within those of a worker order is kept."""

    def __init__(self, redis: AnyRedis) -> None:
        self._loop = asyncio.get_running_loop()
        self._redis = redis
        self._pipelines = pipelines(redis)
        self._waiting: deque[_WorkerCommands] = deque()
        self._in_flight: list[_WorkerCommands] = []
        self._is_sending = False
        self._loading: asyncio.Task[None] | None = None

    def run(self, packed: bytes, commands: int, done: PipelineDone) -> None:
        """Send so many commands that a worker has packed. `done` gets what that of `Pipelines.send` gets."""
        self._waiting.append(_WorkerCommands(packed, commands, done))
        if not self._is_sending:
            self._is_sending = True
            self._loop.call_soon(self._send_next)

    async def close(self) -> None:
        """End the connections, whatever is in flight or waits: `done` is not called."""
        self._is_sending = True
        self._waiting.clear()
        await cancel_and_wait(self._loading)
        await self._pipelines.close()

    def _send_next(self) -> None:
        waiting = self._waiting
        if not waiting:
            self._is_sending = False
            return
        batch = [waiting.popleft()]
        commands = batch[0].commands
        while waiting and commands + waiting[0].commands <= MAX_COMMANDS:
            batch.append(waiting.popleft())
            commands += batch[-1].commands
        self._in_flight = batch
        packed = batch[0].packed if len(batch) == 1 else b"".join([each.packed for each in batch])
        if isinstance(self._pipelines, ServerPipelines):
            self._pipelines.send_packed(packed, commands, self._on_replies)
            return
        try:
            self._send_to_cluster(_unpacked(packed))
        except Exception as error:  # whatever it is, nobody may wait for ever
            self._on_replies(error)

    def _send_to_cluster(self, commands: list[CommandArgs]) -> None:
        if any(args[0] == "SCRIPT" for args in commands):  # has no key: it is for every primary
            self._loading = self._loop.create_task(self._load(commands))
        else:
            self._pipelines.send(commands, self._on_replies)

    async def _load(self, commands: list[CommandArgs]) -> None:
        replies: list[Any] = []
        try:
            for is_script, group in itertools.groupby(commands, lambda args: args[0] == "SCRIPT"):
                if not is_script:
                    replies += await run_pipeline(self._pipelines, list(group))
                    continue
                for args in group:
                    try:
                        replies.append(await self._redis.script_load(str(args[2], "utf-8")))  # type: ignore[arg-type]
                    except ResponseError as error:
                        replies.append(error)
        except Exception as error:  # of several types; the workers know what each means
            self._on_replies(error)
        else:
            self._on_replies(replies)

    def _on_replies(self, replies: list[Any] | Exception) -> None:
        batch, first = self._in_flight, 0
        self._in_flight = []
        for each in batch:
            own = replies
            if isinstance(replies, list) and len(batch) > 1:
                own = replies[first : first + each.commands]
                first += each.commands
            try:
                each.done(own)
            except Exception:  # whatever it is, the other workers have to be told
                _log.exception("replies not passed on")
        self._send_next()


def _unpacked(packed: bytes) -> list[CommandArgs]:
    """The commands, for redis-py: with a name that is text."""
    reader, commands = Reader(), list[CommandArgs]()
    reader.feed(packed)
    while args := reader.gets():
        commands.append((args[0].decode(), *args[1:]))
    return commands
