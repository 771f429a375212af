"""The command connection: the commands of one turn of the event loop go out in one pipeline.

One pipeline is in flight at a time; commands that come meanwhile wait for the next. So order is kept, and the busier
the node is, the more commands share a round trip.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from redis.exceptions import NoScriptError, ResponseError

from revurb.bus.redis.cancellation import cancel_and_wait
from revurb.bus.redis.pipelines import FAILURES, AnyRedis, CommandArg, CommandArgs, pipelines
from revurb.bus.redis.scripts import RedisScript, Scripts

_log = logging.getLogger(__name__)

MAX_PIPELINE_COMMANDS = 1000  # a longer pipeline would delay the reply to its first command

ReplyCallback = Callable[[Any], None]


class RedisUnavailable(Exception):
    """Redis cannot be used at present; the text says why."""


class RedisCommand(Protocol):
    """One command of a pipeline."""

    def command_args(self) -> CommandArgs:
        """The command's name and arguments. Called when the command is sent, and again if it has to be sent again."""
        ...

    @property
    def done(self) -> ReplyCallback | None:
        """Called with the reply."""
        ...


class _PlainCommand(NamedTuple):
    args: CommandArgs
    done: ReplyCallback | None

    def command_args(self) -> CommandArgs:
        return self.args


class _ScriptCommand(NamedTuple):
    script: RedisScript
    keys: Sequence[str]
    args: Sequence[CommandArg]
    done: ReplyCallback | None

    def command_args(self) -> CommandArgs:
        return "EVALSHA", self.script.sha, len(self.keys), *self.keys, *self.args


class CommandQueue:
    """Runs commands on `redis`, in order.

    `any_key` is a key that may be asked for. `on_down` is called once, when a pipeline fails; the queue is of no use
    then.
    """

    def __init__(
        self, redis: AnyRedis, scripts: Scripts, any_key: str, on_down: Callable[[RedisUnavailable], None]
    ) -> None:
        self._redis = redis
        self._pipelines = pipelines(redis)
        self._any_key = any_key
        self._scripts = scripts
        self._on_down = on_down
        self._waiting: list[RedisCommand] = []
        self._batches: dict[int, RedisCommand] = {}  # group -> the batch to which events may still be added
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Send commands from now on. Those that were added before are sent first."""
        self._task = asyncio.get_running_loop().create_task(self._run_pipelines())

    async def flush(self) -> None:
        """Wait until all commands added so far are done."""
        done = asyncio.Event()
        self.after_all(done.set)
        await done.wait()

    def after_all(self, then: Callable[[], None]) -> None:
        """Call `then` when all commands added so far are done."""
        self.run_command("EXISTS", self._any_key, done=lambda reply: then())

    async def stop(self) -> None:
        """End at once, whether commands wait or not."""
        await cancel_and_wait(self._task)
        await self._pipelines.close()

    def run_script(
        self,
        script: RedisScript,
        keys: Sequence[str],
        args: Sequence[CommandArg],
        done: ReplyCallback | None = None,
    ) -> None:
        """Add a script; `done` gets its reply."""
        self._batches.clear()
        self._add(_ScriptCommand(script, keys, args, done))

    def run_command(self, *args: CommandArg, done: ReplyCallback | None = None) -> None:
        """Add a command that is not a script; `done` gets its reply."""
        self._batches.clear()
        self._add(_PlainCommand(args, done))

    def add_batch(self, group: int, batch: RedisCommand) -> None:
        """Add a command that may grow while it waits (`growable_batch`)."""
        self._batches[group] = batch
        self._add(batch)

    def growable_batch(self, group: int) -> RedisCommand | None:
        """The group's newest batch, if it still waits and only batches were added after it; else None."""
        return self._batches.get(group)

    async def load(self) -> None:
        """Load the scripts into Redis. Raises RedisUnavailable."""
        try:
            for script in self._scripts.all():
                await self._redis.script_load(script.source)  # in a Cluster on every primary
        except FAILURES as error:
            raise RedisUnavailable(str(error) or type(error).__name__) from error

    def _add(self, command: RedisCommand) -> None:
        self._waiting.append(command)
        self._wake.set()

    async def _run_pipelines(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                batch = self._waiting[:MAX_PIPELINE_COMMANDS]
                del self._waiting[:MAX_PIPELINE_COMMANDS]
                self._batches.clear()
                try:
                    await self._run_pipeline(batch)
                except RedisUnavailable as error:
                    self._on_down(error)
                    return
                except Exception as error:  # whatever it is, no caller may wait for ever
                    _log.exception("commands failed")
                    self._on_down(RedisUnavailable(str(error) or type(error).__name__))
                    return

    async def _run_pipeline(self, batch: list[RedisCommand], is_retry: bool = False) -> None:
        try:
            replies = await self._pipelines.run([command.command_args() for command in batch])
        except FAILURES as error:
            if is_retry:
                raise RedisUnavailable(str(error) or type(error).__name__) from error
            # The connection may have been closed although Redis is well. Each command may run twice.
            await self._run_pipeline(batch, is_retry=True)
            return
        if any(isinstance(reply, NoScriptError) for reply in replies):
            if is_retry:
                raise RedisUnavailable("Redis does not keep the scripts")
            # Redis was restarted, flushed or failed over. The commands that succeeded may run twice.
            await self.load()
            await self._run_pipeline(batch, is_retry=True)
            return
        for command, reply in zip(batch, replies, strict=True):
            if isinstance(reply, Exception):
                self._raise_unavailable(reply)
            elif command.done is not None:
                self._call_back(command.done, reply)

    def _call_back(self, done: ReplyCallback, reply: Any) -> None:
        try:
            done(reply)
        except Exception:
            # An unexpected reply, or a fault here: the other callbacks must still be called.
            _log.exception("reply not understood")

    def _raise_unavailable(self, error: Exception) -> None:
        """The command was refused: a replica since a failover (read-only), out of memory, loading, no permission. No
        other command will do better."""
        raise RedisUnavailable(str(error)) from (error if isinstance(error, ResponseError) else None)
