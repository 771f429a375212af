"""Commands as they wait for Redis: what is sent, what it weighs, and who is told of the reply."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from revurb.bus.redis.pipelines import CommandArg, CommandArgs
from revurb.bus.redis.refusals import UnusableValue
from revurb.bus.redis.scripts import RedisScript

COMMAND_BYTES = 1000  # memory of a command besides long arguments: keys, names, callbacks

ReplyCallback = Callable[[Any], None]
FailureCallback = Callable[[UnusableValue], None]


class RedisCommand(Protocol):
    """One command of a pipeline."""

    def command_args(self) -> CommandArgs:
        """The command's name and arguments. Called when the command is sent, and again if it has to be sent again."""
        ...

    @property
    def weight(self) -> int:
        """How many plain commands take as much time to send."""
        ...

    @property
    def size_bytes(self) -> int:
        """How much memory it takes, about."""
        ...

    @property
    def keys(self) -> Sequence[str]:
        """The keys that it uses."""
        ...

    @property
    def done(self) -> ReplyCallback | None:
        """Called with the reply."""
        ...

    @property
    def failed(self) -> FailureCallback | None:
        """Called in place of `done` if a value cannot be used."""
        ...


class PlainCommand(NamedTuple):
    """A command that is not a script."""

    args: CommandArgs
    done: ReplyCallback | None
    failed: FailureCallback | None
    size_bytes: int
    weight: int = 1

    @property
    def keys(self) -> Sequence[str]:
        return [str(arg) for arg in self.args[1:2]]

    def command_args(self) -> CommandArgs:
        return self.args


class ScriptCommand(NamedTuple):
    """A run of a script."""

    script: RedisScript
    keys: Sequence[str]
    args: Sequence[CommandArg]
    done: ReplyCallback | None
    failed: FailureCallback | None
    size_bytes: int
    weight: int = 1

    def command_args(self) -> CommandArgs:
        return "EVALSHA", self.script.sha, len(self.keys), *self.keys, *self.args


def size_of(args: Sequence[CommandArg]) -> int:
    """The memory of a command with these arguments, about, in bytes."""
    return COMMAND_BYTES + sum([len(arg) for arg in args if not isinstance(arg, int)])


def result_of(future: asyncio.Future[Any]) -> ReplyCallback:
    """Makes a reply the result of `future`."""
    return lambda reply: None if future.done() else future.set_result(reply)


def failure_of(future: asyncio.Future[Any]) -> FailureCallback:
    """Makes an unusable value the exception of `future`."""

    def failed(error: UnusableValue) -> None:
        if not future.done():
            future.set_exception(error)
            future.exception()  # whoever asked may be gone; asyncio complains about what nobody retrieves

    return failed
