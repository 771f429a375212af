"""pusher-js 4 to 8 with the module for browsers: lost connections, on a server with history."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest

from tests.e2e.resuming import GAP, HISTORY, LIBRARIES, SUCCEEDED, Comeback, comeback
from tests.processes.serving import serving

CHANNELS = ("room-1", "private-room-1")
PACE_S = 0.005  # between events while a client comes back, which takes a second; no load test


async def publish_until(s: Comeback, done: asyncio.Event, numbers: itertools.count[int]) -> int:
    """The number of the last event; the same to each channel."""
    number = -1
    while not done.is_set() or number < 0:
        number = next(numbers)
        for channel in CHANNELS:
            await s.publish(channel, number)
        await asyncio.sleep(PACE_S)
    return number


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("library", LIBRARIES)
async def test_every_event_comes_once_and_in_order(
    library: str, workers: str, tmp_path: Path, node_program: str
) -> None:
    async with comeback(tmp_path, node_program, "--workers", workers) as s:
        await s.open("a", library=library)
        for channel in CHANNELS:
            await s.node.subscribe("a", channel)
        heard: dict[str, list[object]] = {channel: [] for channel in CHANNELS}
        numbers: itertools.count[int] = itertools.count()
        for lose in s.losses(library):
            done = asyncio.Event()
            publishing = asyncio.create_task(publish_until(s, done, numbers))
            await lose("a")
            done.set()
            last = await publishing
            while any(last not in found for found in heard.values()):
                told = await s.node.next("a")
                if told["event"] != SUCCEEDED:
                    assert told["event"] == "e"
                    heard[told["channel"]].append(told["data"])
        for channel, found in heard.items():
            assert found == list(range(last + 1))
            await s.publish(channel, "end")
            await s.node.event("a", "e", channel)


@pytest.mark.parametrize("library", LIBRARIES)
async def test_a_gap_is_told_where_the_history_is_too_small(
    library: str, tmp_path: Path, node_program: str
) -> None:
    async with comeback(tmp_path, node_program, environment={**HISTORY, "REVURB_APP_HISTORY_SIZE": "3"}) as s:
        await s.open("a", library=library)
        await s.node.subscribe("a", "room-1")
        await s.publish("room-1", 0)
        await s.numbers("a", "room-1", 0)
        s.line.cut()
        await s.publish("room-1", *range(1, 9))
        s.line.mend()
        await s.node.event("a", SUCCEEDED, "room-1")
        assert await s.node.event("a", "pusher:resume_failed", "room-1") == {"reason": "expired"}
        gap = {"channel": "room-1", "reason": "expired"}
        assert await s.node.event("a", GAP, "room-1") == gap
        assert await s.node.event("a", GAP, "pusher") == gap
        await s.publish("room-1", 9)
        await s.numbers("a", "room-1", 9)
        for lose in s.losses(library)[1:]:  # from there it goes on
            await lose("a")
            await s.node.event("a", SUCCEEDED, "room-1")
            await s.publish("room-1", 10)
            await s.numbers("a", "room-1", 10)


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_gap_is_told_when_the_server_has_started_anew(
    workers: str, tmp_path: Path, node_program: str
) -> None:
    async with comeback(tmp_path, node_program, "--workers", workers) as s:
        await s.open("a")
        await s.node.subscribe("a", "room-1")
        await s.publish("room-1", 0)
        await s.numbers("a", "room-1", 0)
        s.line.cut()
        with serving(tmp_path, "--workers", workers, environment=HISTORY) as other:
            s.line.target = other.port
            s.line.mend()
            await s.node.event("a", SUCCEEDED, "room-1")
            await s.node.event("a", "pusher:resume_failed", "room-1")
            gap = {"channel": "room-1", "reason": "epoch"}
            assert await s.node.event("a", GAP, "room-1") == gap
            assert await s.node.event("a", GAP, "pusher") == gap
            await s.publish("room-1", 1)
            await s.numbers("a", "room-1", 1)


@pytest.mark.parametrize("library", LIBRARIES)
async def test_without_history_nothing_changes(library: str, tmp_path: Path, node_program: str) -> None:
    async with comeback(tmp_path, node_program) as s:
        await s.open("a", library=library)
        await s.open("b", "2", library=library)
        for client in ("a", "b"):
            await s.node.subscribe(client, "presence-plain")
        await s.node.event("a", "pusher:member_added")
        await s.publish("presence-plain", 0)
        await s.numbers("a", "presence-plain", 0)
        await s.numbers("b", "presence-plain", 0)
        s.line.cut()
        await s.publish("presence-plain", 1)
        await s.node.do("close", "b")
        s.line.mend()
        assert (await s.node.event("a", SUCCEEDED))["count"] == 1  # and of b's leaving nothing is told
        await s.publish("presence-plain", 2)
        await s.numbers("a", "presence-plain", 2)


async def test_a_server_that_has_no_history_any_more(tmp_path: Path, node_program: str) -> None:
    async with comeback(tmp_path, node_program) as s:
        await s.open("a")
        await s.node.subscribe("a", "room-1")
        s.line.cut()
        without = {name: value for name, value in HISTORY.items() if "HISTORY" not in name}
        with serving(tmp_path, environment=without) as other:
            s.line.target = other.port
            s.line.mend()
            await s.node.event("a", SUCCEEDED, "room-1")
            gap = {"channel": "room-1", "reason": "unsupported"}
            assert await s.node.event("a", GAP, "room-1") == gap
            assert await s.node.event("a", GAP, "pusher") == gap
            await s.cut("a")  # told once
            await s.node.event("a", SUCCEEDED, "room-1")
            await s.publish("room-1", 1)
            await s.numbers("a", "room-1", 1)


@pytest.mark.parametrize("library", LIBRARIES)
async def test_what_a_client_sent_itself_is_not_repeated(
    library: str, tmp_path: Path, node_program: str
) -> None:
    async with comeback(tmp_path, node_program) as s:
        socket_id = await s.open("a", library=library)
        await s.open("b", "2", library=library)
        for client in ("a", "b"):
            await s.node.subscribe(client, "private-room-1")
        await s.node.do("trigger", "a", channel="private-room-1", event="client-hi", data={"n": 1})
        assert await s.node.event("b", "client-hi") == {"n": 1}
        await s.publish("private-room-1", 1, socket_id=socket_id)
        await s.numbers("b", "private-room-1", 1)
        # Also when nothing came in between by which the client would know where it is.
        for lose in s.losses(library):
            await lose("a")
            await s.node.event("a", SUCCEEDED)
        await s.publish("private-room-1", 2)
        await s.numbers("a", "private-room-1", 2)


@pytest.mark.parametrize("library", LIBRARIES)
async def test_who_came_and_went_is_told(library: str, tmp_path: Path, node_program: str) -> None:
    async with comeback(tmp_path, node_program) as s:
        await s.open("a", "1", library=library)
        await s.node.subscribe("a", "presence-room")
        await s.open("b", "2", library=library)
        await s.node.subscribe("b", "presence-room")
        assert (await s.node.event("a", "pusher:member_added"))["id"] == "2"
        await s.publish("presence-room", 0)
        await s.numbers("a", "presence-room", 0)
        s.line.cut()
        await s.node.do("close", "b")
        await s.publish("presence-room", 1)
        await s.open("c", "3", library=library, resume=False, port=s.server.port)
        assert (await s.node.subscribe("c", "presence-room"))["members"].keys() == {"3"}
        s.line.mend()
        assert (await s.node.event("a", "pusher:member_removed"))["id"] == "2"
        assert (await s.node.event("a", "pusher:member_added")) == {"id": "3", "info": {"name": "User 3"}}
        assert (await s.node.event("a", SUCCEEDED))["members"].keys() == {"1", "3"}
        await s.numbers("a", "presence-room", 1)


@pytest.mark.parametrize("library", ["pusher-js-4", "pusher-js"])
async def test_a_page_that_is_loaded_anew(library: str, tmp_path: Path, node_program: str) -> None:
    async with comeback(tmp_path, node_program) as s:
        await s.open("a", library=library, storage="tab")
        await s.node.subscribe("a", "room-1")
        await s.publish("room-1", 0)
        await s.numbers("a", "room-1", 0)
        assert (await s.node.do("stored", "a", storage="tab")).keys() == {"revurb:key1:room-1"}
        await s.node.do("close", "a")
        await s.publish("room-1", 1, 2)
        await s.open("b", library=library, storage="tab")
        await s.node.subscribe("b", "room-1")
        await s.numbers("b", "room-1", 1, 2)
        await s.open("other", library=library, storage="other tab")
        await s.node.subscribe("other", "room-1")
        await s.publish("room-1", 3)
        await s.numbers("other", "room-1", 3)
        await s.numbers("b", "room-1", 3)


@pytest.mark.parametrize("library", LIBRARIES)
async def test_unsubscribing_forgets(library: str, tmp_path: Path, node_program: str) -> None:
    async with comeback(tmp_path, node_program) as s:
        await s.open("a", library=library, storage="tab")
        for _ in range(2):
            await s.node.subscribe("a", "room-1")
            await s.publish("room-1", 0)
            await s.numbers("a", "room-1", 0)
            await s.node.do("unsubscribe", "a", channel="room-1")
            assert await s.node.do("stored", "a", storage="tab") == {}
            await s.node.subscribe("a", "other")  # by then the server knows
            await s.node.do("unsubscribe", "a", channel="other")
            await s.publish("room-1", 1)
        await s.node.subscribe("a", "room-1")
        s.line.cut()  # nor is it asked for where the connection was lost meanwhile
        await s.node.state("a", "connecting")
        await s.node.do("unsubscribe", "a", channel="room-1")
        await s.publish("room-1", 2)
        await s.node.do("subscribe", "a", channel="room-1")
        s.line.mend()
        await s.node.event("a", SUCCEEDED)
        await s.publish("room-1", 3)
        await s.numbers("a", "room-1", 3)


async def test_another_client_of_the_page_is_left_alone(tmp_path: Path, node_program: str) -> None:
    async with comeback(tmp_path, node_program) as s:
        await s.open("with")
        await s.open("without", resume=False)
        for client in ("with", "without"):
            await s.node.subscribe(client, "room-1")
        await s.publish("room-1", 0)
        await s.numbers("with", "room-1", 0)
        await s.numbers("without", "room-1", 0)
        s.line.cut()
        await s.publish("room-1", 1)
        s.line.mend()
        for client in ("with", "without"):
            await s.node.event(client, SUCCEEDED)
        await s.numbers("with", "room-1", 1)
        await s.publish("room-1", 2)
        await s.numbers("with", "room-1", 2)
        await s.numbers("without", "room-1", 2)


async def test_a_cache_channel(tmp_path: Path, node_program: str) -> None:
    async with comeback(tmp_path, node_program, environment={**HISTORY, "REVURB_APP_HISTORY_SIZE": "3"}) as s:
        await s.publish("cache-room", 0)
        await s.open("a")
        await s.node.subscribe("a", "cache-room")
        await s.numbers("a", "cache-room", 0)  # the last event, whose position is that of the answer
        await s.cut("a")
        await s.node.event("a", SUCCEEDED)
        s.line.cut()
        await s.publish("cache-room", *range(1, 9))
        s.line.mend()
        await s.node.event("a", SUCCEEDED)
        await s.node.event("a", "pusher:resume_failed")
        for channel in ("cache-room", "pusher"):
            await s.node.event("a", GAP, channel)
        await s.numbers("a", "cache-room", 8)


@pytest.mark.parametrize(
    ("echo", "library"), [("laravel-echo-1", "pusher-js"), ("laravel-echo", "pusher-js")]
)
async def test_echo(echo: str, library: str, tmp_path: Path, node_program: str) -> None:
    async with comeback(tmp_path, node_program, environment={**HISTORY, "REVURB_APP_HISTORY_SIZE": "3"}) as s:
        await s.open("a", library=library, echo=echo)
        await s.node.do("listen", "a", how="private", channel="room-1", events=[".e", f".{GAP}"])
        await s.node.event("a", "subscribed")
        s.line.cut()
        await s.publish("private-room-1", 0, 1)
        s.line.mend()
        await s.node.event("a", "subscribed")
        assert [await s.node.event("a", ".e") for _ in range(2)] == [0, 1]
        await s.node.do("close", "a")
        await s.publish("private-room-1", *range(2, 9))
        await s.node.do("connect", "a")
        await s.node.event("a", "subscribed")
        gap = {"channel": "private-room-1", "reason": "expired"}
        assert await s.node.event("a", f".{GAP}") == gap
        assert await s.node.event("a", GAP, "pusher") == gap
