"""The module for browsers with a server that says what Revurb does not: repeats, half a repetition, ids of others."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pusher  # type: ignore[import-untyped]
import pytest
from websockets.asyncio.server import ServerConnection, serve

from tests.e2e.auth_endpoint import auth_endpoint
from tests.e2e.node import Node, options, start
from tests.e2e.resuming import GAP, LIBRARIES, SUCCEEDED

ROOM, CROWD = "room-1", "presence-room-1"


class Script:
    """A server of one client at a time, which says what it is told to say. Made by `script`."""

    def __init__(self) -> None:
        self.port = 0
        self.sockets = 0
        self.heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.socket: ServerConnection

    async def accept(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.sockets += 1
        data = {"socket_id": f"1.{self.sockets}", "activity_timeout": 30}
        await self.say("pusher:connection_established", data=json.dumps(data))
        async for text in socket:
            message = json.loads(text)
            if message["event"] != "pusher:ping":
                await self.heard.put(message)

    async def say(self, event: str, **more: object) -> None:
        await self.socket.send(json.dumps({"event": event, **more}))

    async def event(self, number: int, position: str) -> None:
        await self.say("e", channel=ROOM, data=str(number), id=position)

    async def answer(self, members: Sequence[str] | None = None, **more: object) -> Any:
        """Answer the next subscription, to a channel with these members if any; the `resume` of it."""
        async with asyncio.timeout(10):
            asked = await self.heard.get()
        assert asked["event"] == "pusher:subscribe"
        channel, data = asked["data"]["channel"], "{}"
        if members is not None:
            presence = {"hash": dict.fromkeys(members), "ids": list(members), "count": len(members)}
            data = json.dumps({"presence": presence})
        await self.say("pusher_internal:subscription_succeeded", channel=channel, data=data, **more)
        return asked["data"].get("resume")


@contextlib.asynccontextmanager
async def script(
    program: str,
    library: str,
    channel: str = ROOM,
    storage: str = "tab",
    stored: str | None = None,
    **more: Any,
) -> AsyncIterator[tuple[Script, Node]]:
    """With a connected client "a" that subscribes to a channel, of which something is `stored`."""
    told = Script()
    async with serve(told.accept, "127.0.0.1", 0, close_timeout=1) as server, start(program) as node:
        told.port = next(iter(server.sockets)).getsockname()[1]
        settings = options(told.port, disableStats=True, **more)
        if stored is not None:
            await node.do("store", "a", storage=storage, key=f"revurb:key:{channel}", value=stored)
        await node.open("a", "key", settings, library=library, resume=True, storage=storage)
        await node.do("subscribe", "a", channel=channel)
        yield told, node


async def lose(told: Script, node: Node) -> None:
    await told.socket.close(4200)
    await node.state("a", "connecting")
    await node.state("a", "connected")


async def numbers(node: Node, *expected: int) -> None:
    assert [await node.event("a", "e", ROOM) for _ in expected] == list(expected)


@pytest.mark.parametrize("library", LIBRARIES)
async def test_repeats_are_heard_by_nobody(library: str, node_program: str) -> None:
    async with script(node_program, library) as (told, node):
        assert await told.answer(id="e1-4") is None
        await node.event("a", SUCCEEDED)
        for number in (5, 6, 5, 6, 7):
            await told.event(number, f"e1-{number}")
        await numbers(node, 5, 6, 7)
        await lose(told, node)
        assert await told.answer(id="e1-9", resumed=True) == {"id": "e1-7", "socket_id": "1.1"}
        for number in (6, 7, 8, 9, 9, 10):
            await told.event(number, f"e1-{number}")
        await node.event("a", SUCCEEDED)
        await numbers(node, 8, 9, 10)
        await told.event(1, "e2-1")  # of another life of the log: nothing to compare with
        await numbers(node, 1)


async def test_a_repetition_that_is_cut_off_goes_on(node_program: str) -> None:
    async with script(node_program, "pusher-js") as (told, node):
        await told.answer(id="e1-4")
        await lose(told, node)
        await told.answer(id="e1-9", resumed=True)
        await told.event(5, "e1-5")
        for _ in range(2):
            await node.event("a", SUCCEEDED)
        await numbers(node, 5)
        await lose(told, node)
        assert await told.answer(id="e1-9", resumed=True) == {"id": "e1-5", "socket_id": "1.1"}
        await told.say("other", data="{}")  # what this client sent itself is left out, and that was all
        await told.event(10, "e1-10")
        await node.event("a", SUCCEEDED)
        await numbers(node, 10)
        await lose(told, node)
        assert await told.answer(id="e1-10", resumed=True) == {"id": "e1-10", "socket_id": "1.3"}


async def test_a_gap_that_could_not_be_told_is_told_later(node_program: str) -> None:
    async with script(node_program, "pusher-js") as (told, node):
        await told.answer(id="e1-4")
        await lose(told, node)
        await told.answer(id="e1-9", resumed=False)  # and no reason yet
        for _ in range(2):
            await node.event("a", SUCCEEDED)
        await lose(told, node)
        assert (await told.answer(resumed=False))["id"] == "e1-4"
        await told.say("pusher:resume_failed", channel=ROOM, data='{"reason":"unavailable"}')
        await node.event("a", SUCCEEDED)
        await node.event("a", "pusher:resume_failed")
        for channel in (ROOM, "pusher"):
            assert await node.event("a", GAP, channel) == {"channel": ROOM, "reason": "unavailable"}
        await lose(told, node)
        assert await told.answer(id="e1-12") is None  # it has no position any more
        await node.event("a", SUCCEEDED)
        for channel in (ROOM, "pusher"):  # what has come since nobody knows
            assert await node.event("a", GAP, channel) == {"channel": ROOM, "reason": "unavailable"}
        await lose(told, node)
        assert (await told.answer())["id"] == "e1-12"


async def test_gaps_with_nothing_between_them_are_one(node_program: str) -> None:
    async with script(node_program, "pusher-js") as (told, node):
        await told.answer(id="e1-4")
        failed = {"channel": ROOM, "data": '{"reason":"expired"}'}
        for id in ("e1-5", "e1-6", "e1-6"):  # the last one is a repeat
            await told.say("pusher:resume_failed", id=id, **failed)
        await told.event(7, "e1-7")
        await told.say("pusher:resume_failed", id="e1-8", **failed)
        await told.event(9, "e1-9")
        await node.event("a", SUCCEEDED)
        await node.event("a", "pusher:resume_failed")
        for channel in (ROOM, "pusher"):
            await node.event("a", GAP, channel)
        await node.event("a", "pusher:resume_failed")  # as the server says it
        await numbers(node, 7)
        await node.event("a", "pusher:resume_failed")
        for channel in (ROOM, "pusher"):
            await node.event("a", GAP, channel)
        await numbers(node, 9)
        await told.say("pusher:resume_failed", id="e1-10", **failed)
        await node.event("a", "pusher:resume_failed")
        for channel in (ROOM, "pusher"):
            await node.event("a", GAP, channel)
        await lose(told, node)
        assert (await told.answer(id="e1-10", resumed=True))[
            "id"
        ] == "e1-10"  # it has a place among the events


@pytest.mark.parametrize("library", LIBRARIES)
async def test_who_has_come_while_the_history_was_out_of_reach(library: str, node_program: str) -> None:
    async with script(node_program, library) as (told, node):
        assert await told.answer(resumed=False) is None
        await told.event(7, "e1-7")
        await node.event("a", SUCCEEDED)
        await numbers(node, 7)
        await lose(told, node)
        assert await told.answer(id="e1-8", resumed=True) == {"id": "e1-7", "socket_id": "1.1"}
        await told.event(8, "e1-8")
        await node.event("a", SUCCEEDED)
        await numbers(node, 8)


async def test_who_has_come_and_gone_while_the_history_was_out_of_reach(node_program: str) -> None:
    async with script(node_program, "pusher-js") as (told, node):
        await told.answer(resumed=False)
        await node.event("a", SUCCEEDED)
        assert await node.do("stored", "a", storage="tab") == {}
        await lose(told, node)
        assert await told.answer(id="e1-8") is None
        await told.event(9, "e1-9")
        await node.event("a", SUCCEEDED)
        for channel in (ROOM, "pusher"):
            assert await node.event("a", GAP, channel) == {"channel": ROOM, "reason": "unavailable"}
        await numbers(node, 9)


async def test_a_position_is_stored_when_the_handlers_are_done(node_program: str) -> None:
    async with script(node_program, "pusher-js") as (told, node):
        await told.answer(id="e1-4")
        await node.event("a", SUCCEEDED)
        await node.do("peek", "a", channel=ROOM, storage="tab")
        for number in (5, 6):
            await told.event(number, f"e1-{number}")
            await numbers(node, number)
            assert await node.event("a", "stored") == {f"revurb:key:{ROOM}": f"e1-{number - 1} 1.1"}
        await told.event(6, "e1-6")  # a repeat: by then the handlers are done
        await told.say("other", channel=ROOM, data="{}")
        await node.event("a", "other")
        assert await node.event("a", "stored") == {f"revurb:key:{ROOM}": "e1-6 1.1"}


async def test_ids_of_others_mean_nothing(node_program: str) -> None:
    async with script(node_program, "pusher-js") as (told, node):
        await told.answer()
        await node.event("a", SUCCEEDED)
        for number, position in ((1, "msg-7"), (2, "msg-3"), (3, "6f1b-4-2"), (4, "7")):
            await told.event(number, position)
        await told.say("e", channel=ROOM, data={"id": "e1-1"})
        await numbers(node, 1, 2, 3, 4)
        assert await node.event("a", "e") == {"id": "e1-1"}
        await lose(told, node)
        assert await told.answer() is None


@pytest.mark.parametrize("stored", ["", "gar bage", "e1", "e1-x 1.1", "undefined undefined"])
async def test_what_is_stored_and_is_no_position_is_none(stored: str, node_program: str) -> None:
    async with script(node_program, "pusher-js", stored=stored) as (told, node):
        assert await told.answer(id="e1-4") is None
        await node.event("a", SUCCEEDED)
        await told.event(5, "e1-5")
        await numbers(node, 5)


async def test_a_storage_that_is_asynchronous_is_of_no_use(node_program: str) -> None:
    """And does no harm."""
    async with script(node_program, "pusher-js", storage="asynchronous") as (told, node):
        assert await told.answer(id="e1-4") is None
        await node.event("a", SUCCEEDED)
        await lose(told, node)
        assert (await told.answer(id="e1-4", resumed=True))["id"] == "e1-4"


@contextlib.asynccontextmanager
async def presence(program: str) -> AsyncIterator[tuple[Script, Node]]:
    """With a client on a presence channel, whose members are 1, 2 and 3."""
    async with auth_endpoint(pusher.Pusher("1", "key", "secret", ssl=False)) as auth:
        as_user: dict[str, Any] = {"authEndpoint": auth.url, "auth": {"params": {"user": "1"}}}
        async with script(program, "pusher-js", CROWD, **as_user) as (told, node):
            await told.answer(["1", "2", "3"], id="e1-4")
            await node.event("a", SUCCEEDED)
            yield told, node


async def test_all_who_went_and_came_are_told_to_handlers_that_fail(node_program: str) -> None:
    async with presence(node_program) as (told, node):
        await node.do("fail", "a", channel=CROWD, event="pusher:member_removed")
        await lose(told, node)
        await told.answer(["1", "4"], id="e1-4", resumed=True)
        for event, member in (("removed", "2"), ("removed", "3"), ("added", "4")):
            assert (await node.event("a", f"pusher:member_{event}", CROWD))["id"] == member
        assert (await node.event("a", SUCCEEDED, CROWD))["count"] == 2
        assert await node.event("a", "uncaught") == "pusher:member_removed has failed"


async def test_who_leaves_at_the_first_hears_no_more(node_program: str) -> None:
    async with presence(node_program) as (told, node):
        await node.do("leaveAt", "a", channel=CROWD, event="pusher:member_removed")
        await lose(told, node)
        await told.answer(["1", "4"], id="e1-4", resumed=True)
        assert (await node.event("a", "pusher:member_removed", CROWD))["id"] == "2"
        await node.do("subscribe", "a", channel=ROOM)
        async with asyncio.timeout(10):
            assert (await told.heard.get())["event"] == "pusher:unsubscribe"
        await told.answer()
        await node.event("a", SUCCEEDED, ROOM)
