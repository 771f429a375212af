"""The command connection: what is asked for in one turn of the event loop goes out in one pipeline.

One pipeline is under way at a time; what comes meanwhile waits for the next. So order is kept, and the busier it is the
more commands share a round trip.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

from redis.asyncio import Redis, RedisCluster
from redis.exceptions import (
    NoScriptError,
    RedisClusterException,
    RedisError,
    ResponseError,
    SlotNotCoveredError,
)

from revurb.bus.redis.ending import end
from revurb.bus.redis.scripts import Script, Scripts

_log = logging.getLogger(__name__)

MOST_AT_ONCE = 1000  # commands of one pipeline: a longer one holds up the replies to the first

Done = Callable[[Any], None]
AnyRedis: TypeAlias = Redis | RedisCluster
FAILURES = RedisError, OSError, RedisClusterException, SlotNotCoveredError  # the third is no RedisError
_AS_THEY_COME = "HGETALL", "SMEMBERS", "XRANGE", "ZRANGEBYSCORE"


class RedisDown(Exception):
    """Redis cannot be used at present; the text says why."""


class _Command(NamedTuple):
    script: Script | None  # None: `args` is a plain command
    keys: Sequence[str]
    args: Sequence[str | bytes | int]
    done: Done | None


class Commands:
    """Runs commands on `redis`, in order. `on_down` is told once when that fails; `retry` is then the way back."""

    def __init__(
        self, redis: AnyRedis, scripts: Scripts, some_key: str, on_down: Callable[[RedisDown], None]
    ) -> None:
        for name in _AS_THEY_COME:  # replies the same from every version and kind of client
            redis.response_callbacks.pop(name, None)
        self._redis = redis
        self._some_key = some_key
        self._scripts = scripts
        self._on_down = on_down
        self._waiting: list[_Command] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._work())

    async def flush(self) -> None:
        """Wait until everything so far has been done."""
        done = asyncio.Event()
        self.after_all(done.set)
        await done.wait()

    def after_all(self, then: Callable[[], None]) -> None:
        """`then` is called when everything so far has been done."""
        self.plain("EXISTS", self._some_key, done=lambda reply: then())

    async def stop(self) -> None:
        await end(self._task)

    def script(
        self, script: Script, keys: Sequence[str], args: Sequence[str | bytes | int], done: Done | None = None
    ) -> None:
        """Run a script; `done` gets its reply."""
        self._add(_Command(script, keys, args, done))

    def plain(self, *args: str | bytes | int, done: Done | None = None) -> None:
        """Run a command that is no script."""
        self._add(_Command(None, (), args, done))

    async def load(self) -> None:
        """Give Redis the scripts. Raises RedisDown."""
        try:
            for script in self._scripts.all():
                await self._redis.script_load(script.source)  # of a cluster: on every primary
        except FAILURES as error:
            raise RedisDown(str(error) or type(error).__name__) from error

    def _add(self, command: _Command) -> None:
        self._waiting.append(command)
        self._wake.set()

    async def _work(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                batch = self._waiting[:MOST_AT_ONCE]
                del self._waiting[:MOST_AT_ONCE]
                try:
                    await self._run(batch)
                except RedisDown as error:
                    self._on_down(error)
                    return
                except Exception as error:  # whatever it is, nobody is to wait for ever
                    _log.exception("commands failed")
                    self._on_down(RedisDown(str(error) or type(error).__name__))
                    return

    async def _run(self, batch: list[_Command], again: bool = False) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        for script, keys, args, _ in batch:
            if script is not None:
                pipeline.execute_command("EVALSHA", script.sha, len(keys), *keys, *args)
            else:
                pipeline.execute_command(*args)
        try:
            replies = await pipeline.execute(raise_on_error=False)
        except FAILURES as error:
            if again:
                raise RedisDown(str(error) or type(error).__name__) from error
            # The connection may have been closed while nothing was wrong with Redis. Each command may be given twice.
            await self._run(batch, again=True)
            return
        if any(isinstance(reply, NoScriptError) for reply in replies):
            if again:
                raise RedisDown("Redis does not keep the scripts")
            # Restarted, flushed or failed over. Those that went through may be given twice.
            await self.load()
            await self._run(batch, again=True)
            return
        for command, reply in zip(batch, replies, strict=True):
            if isinstance(reply, Exception):
                self._refused(reply)
            elif command.done is not None:
                self._tell(command.done, reply)

    def _tell(self, done: Done, reply: Any) -> None:
        try:
            done(reply)
        except Exception:
            # A reply that we do not understand, or a fault of ours: the others are still to be told.
            _log.exception("reply not understood")

    def _refused(self, error: Exception) -> None:
        """Read-only (a replica since a failover), out of memory, loading, no permission: nothing works then."""
        raise RedisDown(str(error)) from (error if isinstance(error, ResponseError) else None)
