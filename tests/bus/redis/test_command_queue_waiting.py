"""What waits in a command queue: how much of it there may be, which batches still grow, who is told that some went."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from revurb.bus.redis import command_queue
from revurb.bus.redis.command_queue import MAX_PIPELINE_WEIGHT, CommandQueue, RedisUnavailable
from revurb.bus.redis.redis_commands import COMMAND_BYTES, PlainCommand
from revurb.bus.redis.scripts import Scripts
from tests.redis_server import RedisServer

SCRIPTS = Scripts()
UNUSED: Any = object()  # in place of a Redis


class Idle(CommandQueue):
    """A queue that was not started, on a Redis that nobody needs, with why it went down."""

    def __init__(self) -> None:
        self.errors: list[RedisUnavailable] = []
        super().__init__(UNUSED, SCRIPTS, "key", self.errors.append)


def batch(weight: int = 1) -> PlainCommand:
    return PlainCommand(("INCR", "n"), None, None, COMMAND_BYTES, weight)


async def test_a_batch_grows_until_another_command_waits_behind_it() -> None:
    """Else what is added to it would overtake that command."""
    queue, first, second = Idle(), batch(), batch()
    for is_script in (False, True):
        queue.add_batch(1, first)
        queue.add_batch(2, second)
        assert (queue.growable_batch(1), queue.growable_batch(2), queue.growable_batch(3)) == (
            first,
            second,
            None,
        )
        if is_script:
            queue.run_script(SCRIPTS.heartbeat, (), ())
        else:
            queue.run_command("INCR", "n")
        assert queue.growable_batch(1) is queue.growable_batch(2) is None
    assert queue.waiting == 6


@pytest.mark.parametrize("long", ["command", "script", "batch"])
async def test_too_much_that_waits_ends_the_queue_once_and_keeps_nothing(
    monkeypatch: pytest.MonkeyPatch, long: str
) -> None:
    monkeypatch.setattr(command_queue, "MAX_WAITING_BYTES", 20 * COMMAND_BYTES)
    queue = Idle()
    queue.add_batch(1, batch())
    for _ in range(18):
        queue.run_command(1)
    assert (queue.waiting, queue.waiting_bytes, queue.errors) == (19, 19 * COMMAND_BYTES, [])
    for _ in range(3):
        if long == "command":
            queue.run_command("SET", "n", b"x" * COMMAND_BYTES)
        elif long == "script":
            queue.run_script(SCRIPTS.heartbeat, (), (), long_bytes=COMMAND_BYTES)
        else:
            queue.add_batch(1, PlainCommand((), None, None, 2 * COMMAND_BYTES))
        assert (queue.waiting, queue.waiting_bytes) == (0, 0)
        assert [str(error) for error in queue.errors] == ["it does not take what is sent: 20000 bytes wait"]
    queue.start()
    await asyncio.sleep(0)
    await queue.stop()
    assert queue.pipelines_sent == 0


async def test_whoever_fails_when_there_is_room_ends_the_queue(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault of this program. Whoever waits for another command is not to wait for ever."""
    await server.start()
    async with server.client() as redis, asyncio.timeout(10):
        errors: asyncio.Queue[RedisUnavailable] = asyncio.Queue()
        queue = CommandQueue(redis, SCRIPTS, "key", errors.put_nowait)

        def fail() -> None:
            raise KeyError("no room")

        queue.when_room(fail)
        queue.start()
        assert await queue.ask("INCR", "n") == 1
        assert str(await errors.get()) == "'no room'"
        assert "commands failed" in caplog.text
        await queue.stop()


async def test_what_was_sent_waits_no_longer_and_whoever_waits_for_room_is_told_once(
    server: RedisServer,
) -> None:
    await server.start()
    async with server.client() as redis, asyncio.timeout(10):
        errors: list[RedisUnavailable] = []
        queue = CommandQueue(redis, SCRIPTS, "key", errors.append)
        rooms: list[int] = []
        waiting: list[tuple[int, int]] = []
        ended = asyncio.Event()

        def done(reply: int) -> None:
            waiting.append((reply, queue.waiting))
            assert queue.growable_batch(1) is None  # nothing is added to what was sent
            if reply == 7:
                ended.set()

        for weight in (60, 40, 1, 2 * MAX_PIPELINE_WEIGHT, 99, 1, 1):
            queue.add_batch(1, PlainCommand(("INCR", "n"), done, None, COMMAND_BYTES, weight))
        queue.when_room(lambda: rooms.append(queue.waiting))
        queue.start()
        await ended.wait()
        # Two that fill a pipeline; one that leaves no room for a heavy one, which goes alone; the rest.
        assert waiting == [(1, 5), (2, 5), (3, 4), (4, 3), (5, 1), (6, 1), (7, 0)]
        assert (queue.waiting, queue.waiting_bytes, queue.pipelines_sent) == (0, 0, 5)
        await queue.flush()
        assert rooms == [5]
        assert queue.pipelines_sent == 6
        assert await queue.ask("INCR", "n") == 8
        await queue.load()
        assert await queue.ask_script(SCRIPTS.remove_counts, ("held", "holders"), ("node",)) == []
        await queue.stop()
        assert errors == []
