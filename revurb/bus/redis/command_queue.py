"""The command connection: the commands of one turn of the event loop go out in one pipeline.

One pipeline is in flight at a time; commands that come meanwhile wait for the next. So order is kept, and the busier
the node is, the more commands share a round trip. Nothing waits in a task for that, unless something has failed.

A value in Redis that a command cannot use is moved out of the way, if it is of another type than ours, and the command
is sent once more. What fails then concerns this command alone.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from redis.exceptions import NoScriptError

from revurb.bus.redis.cancellation import cancel_and_wait
from revurb.bus.redis.cluster_pipelines import pipelines
from revurb.bus.redis.invalid_values import InvalidValues
from revurb.bus.redis.keys import type_of
from revurb.bus.redis.pipelines import FAILURES, CommandArg, CommandArgs, run_pipeline
from revurb.bus.redis.redis_commands import (
    COMMAND_BYTES,
    FailureCallback,
    PlainCommand,
    RedisCommand,
    ReplyCallback,
    ScriptCommand,
    failure_of,
    result_of,
    size_of,
)
from revurb.bus.redis.refusals import UnusableValue, is_of_value, reason_of
from revurb.bus.redis.scripts import RedisScript, Scripts
from revurb.bus.redis.shared_redis import LinkedRedis

_log = logging.getLogger(__name__)

# A longer pipeline would delay the reply to its first command, and others: it is packed and read in one go, 3 ms.
MAX_PIPELINE_WEIGHT = 100
MAX_WAITING_BYTES = 64 * 1024 * 1024
_CALLBACKS_BETWEEN_LOOKS = 8  # at the clock
_CALLBACKS_S = 0.002  # of calling back, after which the event loop has its turn


class RedisUnavailable(Exception):
    """Redis cannot be used at present; the text says why."""

    @classmethod
    def because_of(cls, error: Exception) -> RedisUnavailable:
        """What an exception of the client says."""
        return cls(reason_of(error))


class CommandQueue:
    """Runs commands on `redis`, in order. No more than MAX_WAITING_BYTES wait: then the session is of no use. It ends,
    and the next one begins with what is true by then.

    `any_key` is a key that may be asked for. `on_down` is called once, when a pipeline fails; the queue is of no use
    then. `invalid` gets the values that cannot be used, `on_set_aside` the keys that were moved out of the way.
    """

    def __init__(
        self,
        redis: LinkedRedis,
        scripts: Scripts,
        any_key: str,
        on_down: Callable[[RedisUnavailable], None],
        invalid: InvalidValues | None = None,
        on_set_aside: Callable[[Sequence[str]], None] = lambda keys: None,
    ) -> None:
        self._redis = redis
        self._pipelines = pipelines(redis)
        self._any_key = any_key
        self._scripts = scripts
        self._on_down = on_down
        self._invalid = InvalidValues() if invalid is None else invalid
        self._on_set_aside = on_set_aside
        self._waiting: deque[RedisCommand] = deque()
        self.waiting_bytes = 0  # memory of the commands that wait; whoever lets a batch grow adds to it
        self.pipelines_sent = self.pipelines_done = 0
        self._is_down = False
        self._batches: dict[int, RedisCommand] = {}  # group -> the batch to which events may still be added
        self._when_room: list[Callable[[], None]] = []
        self._loop = asyncio.get_running_loop()
        self._in_flight: list[RedisCommand] = []
        self._is_sending = True  # a pipeline, or about to; not to be begun with before the start
        self._task: asyncio.Task[None] | None = None  # of a pipeline in which something has failed

    def start(self) -> None:
        """Send commands from now on. Those that were added before are sent first."""
        self._loop.call_soon(self._send_next)

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
        self._is_down = True
        self._waiting.clear()
        await cancel_and_wait(self._task)
        await self._pipelines.close()

    def run_script(
        self,
        script: RedisScript,
        keys: Sequence[str],
        args: Sequence[CommandArg],
        done: ReplyCallback | None = None,
        failed: FailureCallback | None = None,
        *,
        long_bytes: int = 0,
    ) -> None:
        """Add a script; `done` gets its reply, or `failed` why it has none. `long_bytes` is how much memory those of
        `args` take that may be longer than names are."""
        self._batches.clear()
        self._add(ScriptCommand(script, keys, args, done, failed, COMMAND_BYTES + long_bytes))

    def run_command(
        self, *args: CommandArg, done: ReplyCallback | None = None, failed: FailureCallback | None = None
    ) -> None:
        """Add a command that is not a script; `done` gets its reply, or `failed` why it has none."""
        self._batches.clear()
        self._add(PlainCommand(args, done, failed, size_of(args)))

    def ask_script(
        self, script: RedisScript, keys: Sequence[str], args: Sequence[CommandArg]
    ) -> asyncio.Future[Any]:
        """Add a script. Returns its reply, or raises UnusableValue; never done if the session ends before."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.run_script(script, keys, args, result_of(future), failure_of(future))
        return future

    def ask(self, *args: CommandArg) -> asyncio.Future[Any]:
        """Add a command that is not a script. Returns its reply as `ask_script` does."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.run_command(*args, done=result_of(future), failed=failure_of(future))
        return future

    @property
    def waiting(self) -> int:
        """How many commands wait to be sent."""
        return len(self._waiting)

    def when_room(self, then: Callable[[], None]) -> None:
        """Call `then` when some of the commands that wait have been sent."""
        self._when_room.append(then)

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
            raise RedisUnavailable.because_of(error) from error

    def _add(self, command: RedisCommand) -> None:
        if self._is_down:
            return
        self._waiting.append(command)
        self.waiting_bytes += command.size_bytes
        if self.waiting_bytes > MAX_WAITING_BYTES:
            self._go_down(RedisUnavailable(f"it does not take what is sent: {MAX_WAITING_BYTES} bytes wait"))
        elif not self._is_sending:
            self._is_sending = True
            self._loop.call_soon(self._send_next)  # behind everything else of this turn

    def _go_down(self, error: RedisUnavailable) -> None:
        self._is_down = True
        self._waiting.clear()
        self._batches.clear()
        self.waiting_bytes = 0
        self._on_down(error)

    def _send_next(self) -> None:
        if not self._waiting:
            self._is_sending = False
            return
        batch = self._in_flight = self._take_pipeline()
        self._batches.clear()
        try:
            self._pipelines.send([command.command_args() for command in batch], self._on_replies)
        except Exception as error:  # whatever it is, no caller may wait for ever
            self._fault(error)

    def _on_replies(self, replies: list[Any] | Exception) -> None:
        if isinstance(replies, Exception) or any([isinstance(reply, Exception) for reply in replies]):
            self._task = self._loop.create_task(self._settle(self._in_flight, replies))
        else:
            self._call_back_all(self._in_flight, replies)

    def _call_back_all(self, batch: list[RedisCommand], replies: list[Any], first: int = 0) -> None:
        """Call back those from `first` on, in as many turns of the event loop as that takes; then go on."""
        if first and self._is_down:
            return
        until = time.monotonic() + _CALLBACKS_S if len(batch) >= _CALLBACKS_BETWEEN_LOOKS else 0.0
        for number in range(first, len(batch)):
            command, reply = batch[number], replies[number]
            if not isinstance(reply, Exception):
                self._call_back(command, reply)
            elif is_of_value(reply):
                self._fail(command, UnusableValue(str(reply)))
            else:
                self._go_down(RedisUnavailable.because_of(reply))  # no other command will do better
                return
            if not (number + 1) % _CALLBACKS_BETWEEN_LOOKS and time.monotonic() >= until:
                self._loop.call_soon(self._call_back_all, batch, replies, number + 1)
                return
        self._go_on()

    def _go_on(self) -> None:
        """A pipeline is done."""
        self.pipelines_done += 1
        if self._when_room:
            when_room, self._when_room = self._when_room, []
            try:
                for then in when_room:
                    then()
            except Exception as error:  # a fault of this program; nobody may wait for the next pipeline
                self._fault(error)
                return
        self._send_next()

    def _fault(self, error: Exception) -> None:
        _log.error("commands failed", exc_info=error)
        self._go_down(RedisUnavailable.because_of(error))

    def _take_pipeline(self) -> list[RedisCommand]:
        self.pipelines_sent += 1
        if len(self._waiting) == 1:
            self.waiting_bytes = 0
            return [self._waiting.popleft()]
        batch: list[RedisCommand] = []
        weight = 0
        while self._waiting and (not batch or weight + self._waiting[0].weight <= MAX_PIPELINE_WEIGHT):
            command = self._waiting.popleft()
            weight += command.weight
            self.waiting_bytes -= command.size_bytes
            batch.append(command)
        return batch

    async def _settle(self, batch: list[RedisCommand], replies: list[Any] | Exception) -> None:
        """Do what can be done for a pipeline in which something has failed, and go on, or down."""
        try:
            replies = await self._repeat_failed(batch, replies)
            await self._repeat_refused(batch, replies)
        except RedisUnavailable as error:
            self._go_down(error)
        except Exception as error:  # whatever it is, no caller may wait for ever
            self._fault(error)
        else:
            self._call_back_all(batch, replies)

    async def _repeat_failed(self, batch: list[RedisCommand], replies: list[Any] | Exception) -> list[Any]:
        """Send everything once more, if that may help. Returns the replies then."""
        is_retry = False
        if isinstance(replies, Exception):
            if not isinstance(replies, FAILURES):
                raise replies
            # The connection may have been closed although Redis is well. Each command may run twice.
            is_retry, replies = True, await self._send_again(batch)
        if NoScriptError in map(type, replies):
            if is_retry:
                raise RedisUnavailable("Redis does not keep the scripts")
            # Redis was restarted, flushed or failed over. The commands that succeeded may run twice.
            await self.load()
            replies = await self._send_again(batch)
            if NoScriptError in map(type, replies):
                raise RedisUnavailable("Redis does not keep the scripts")
        return replies

    async def _send_again(self, batch: Sequence[RedisCommand]) -> list[Any]:
        try:
            return await run_pipeline(self._pipelines, [command.command_args() for command in batch])
        except FAILURES as error:
            raise RedisUnavailable.because_of(error) from error

    async def _repeat_refused(self, batch: Sequence[RedisCommand], replies: list[Any]) -> None:
        """Send commands once more that could not use a value, in their order, after moving it out of the way. Their
        replies take the places of the errors, so that nobody is called back before those who asked earlier."""
        refused = [
            number
            for number, reply in enumerate(replies)
            if isinstance(reply, Exception) and is_of_value(reply)
        ]
        if not refused:
            return
        moving: list[CommandArgs] = []
        moved: list[str] = []
        for number in refused:
            keys = [key for key in batch[number].keys if type_of(key) is not None]
            types = [str(type_of(key)) for key in keys]
            if keys:
                moving.append(("EVALSHA", self._scripts.set_aside.sha, len(keys), *keys, *types))
        try:
            answers = await run_pipeline(self._pipelines, moving) if moving else []
            for args, reply in zip(moving, answers, strict=True):
                if isinstance(reply, Exception):
                    raise RedisUnavailable.because_of(reply) from reply
                moved += [str(args[index + 2]) for index in reply]  # the keys begin behind their number
            for key in moved:  # also if the session ends now
                self._invalid.report(key, f"not a {type_of(key)} of ours; it was renamed to {key}:unusable")
            commands = [batch[number].command_args() for number in refused]
            repeated = await run_pipeline(self._pipelines, commands)
        except FAILURES as error:
            raise RedisUnavailable.because_of(error) from error
        for number, reply in zip(refused, repeated, strict=True):
            replies[number] = reply
        if moved:
            self._on_set_aside(moved)

    def _call_back(self, command: RedisCommand, reply: Any) -> None:
        if command.done is None:
            return
        try:
            command.done(reply)
        except UnusableValue as error:
            self._fail(command, error)
        except Exception as error:
            # An unexpected reply, or a fault here: the other callbacks must still be called.
            _log.exception("reply not understood")
            self._fail(command, UnusableValue(f"{type(error).__name__}: {error}"))

    def _fail(self, command: RedisCommand, error: UnusableValue) -> None:
        self._invalid.report(next(iter(command.keys), ""), error)
        if command.failed is not None:
            try:
                command.failed(error)
            except Exception:
                _log.exception("failure not handled")
