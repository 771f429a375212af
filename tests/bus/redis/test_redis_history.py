"""History as it is in Redis: what is kept, what is trimmed, and what becomes of values of others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from revurb.bus.brokered import broker_messages as m
from revurb.bus.redis.event_publisher import EventPublisher
from revurb.bus.redis.taken_events import TakenEvents
from revurb.pusher.history import (
    EPOCH,
    EXPIRED,
    UNAVAILABLE_PAGE,
    HistoryBounds,
    Position,
    Resume,
    gap_text,
    read_position,
)
from tests.bus.redis.ledgers import APP, KEYS, Ledgers, ledgers
from tests.redis_server import RedisServer

TOPIC = KEYS.topic(APP, "room")
KEPT = HistoryBounds(5, 60, 1_000_000)


class Publishing:
    """Publishes events as a node does, and reads them."""

    def __init__(self, made: Ledgers) -> None:
        self.made = made
        self.publisher = EventPublisher(
            "n1", KEYS, made.scripts, made.commands, 60_000, TakenEvents(), lambda seqs: None
        )
        self.seq = 0

    async def put(self, *texts: bytes, bounds: HistoryBounds = KEPT, excepted: str | None = None) -> None:
        for text in texts:
            self.seq += 1
            self.publisher.publish(m.Publish(self.seq, APP, "room", text, excepted, 0, bounds))
        await self.made.commands.flush()

    async def page(self, after: Position | None = None, limit: int = 100) -> tuple[list[bytes], str]:
        page = await self.made.history.page(APP, "room", after, limit)
        return list(page.events), page.failure


@asynccontextmanager
async def publishing(server: RedisServer) -> AsyncIterator[Publishing]:
    async with ledgers(server) as made:
        node = Publishing(made)
        await node.publisher.probe(made.redis)
        yield node
        node.publisher.session_ended()


async def test_an_event_is_kept_in_the_step_that_publishes_it(server: RedisServer) -> None:
    async with publishing(server) as node:
        await node.put(b'{"event":"a"}', b'{"event":"b"}')
        entries: Any = await node.made.redis.xrange(TOPIC.events)
        assert [fields[b"t"] for _, fields in entries] == await node.made.logged("room")
        texts, failure = await node.page()
        assert [text.partition(b',"id"')[0] for text in texts] == [b'{"event":"a"', b'{"event":"b"']
        assert not failure
        assert [id.partition(b"-")[0] for id, _ in entries] == [b"1", b"2"]
        assert 60_000 <= await node.made.redis.pttl(TOPIC.events) <= 66_000
        assert await node.made.redis.pttl(TOPIC.head) > 86_400_000


async def test_a_number_that_is_not_new_is_kept_once(server: RedisServer) -> None:
    async with publishing(server) as node:
        await node.put(b'{"event":"a"}')
        node.seq = 0
        await node.put(b'{"event":"a"}')
        assert len((await node.page())[0]) == 1


async def test_what_was_excluded_is_noted_and_text_may_be_long(server: RedisServer) -> None:
    async with publishing(server) as node:
        text = b'{"event":"e","data":"%s"}' % (b"x" * 100_000)
        await node.put(text, excepted="1.2")
        entries: Any = await node.made.redis.xrange(TOPIC.events)
        ((_, fields),) = entries
        assert fields[b"x"] == b"1.2"
        assert fields[b"t"].startswith(text[:-1])
        assert await node.made.logged("room") == [fields[b"t"]]


async def test_a_stream_that_somebody_dropped_is_a_gap(server: RedisServer) -> None:
    async with publishing(server) as node:
        await node.put(b'{"event":"a"}', b'{"event":"b"}')
        first = (await node.made.history.page(APP, "room", None, 1)).position
        await node.made.redis.delete(TOPIC.events)
        assert await node.page(Position(first.epoch, 1)) == ([], EXPIRED)
        await node.put(b'{"event":"c"}')
        assert (await node.page(Position(first.epoch, 2)))[1] == ""


async def test_values_of_others_are_moved_out_of_the_way(server: RedisServer) -> None:
    async with publishing(server) as node:
        await node.made.redis.rpush(TOPIC.head, "?")
        await node.made.redis.set(TOPIC.events, "?")
        await node.made.redis.set(KEYS.history_bytes(TOPIC.partition, APP)[0], "?")
        await node.made.redis.set(KEYS.history_bytes(TOPIC.partition, APP)[1], "?")
        await node.put(b'{"event":"a"}')
        assert len((await node.page())[0]) == 1
        await node.made.redis.set(TOPIC.head, "not a head")
        assert (await node.page(Position("x", 1)))[1] == EPOCH


async def test_events_ahead_of_their_head_are_dropped(server: RedisServer) -> None:
    async with publishing(server) as node:
        await node.put(b'{"event":"a"}')
        await node.made.redis.xadd(TOPIC.events, {"t": "of somebody else"}, id="9-0")
        await node.put(b'{"event":"b"}')
        texts, _ = await node.page()
        assert [text[:12] for text in texts] == [b'{"event":"b"']
        position = (await node.made.history.page(APP, "room", None, 1)).position
        assert await node.page(Position(position.epoch, 0)) == (texts, EXPIRED)


async def test_only_what_is_too_old_is_dropped(server: RedisServer) -> None:
    async with publishing(server) as node:
        await node.put(
            *[b'{"event":"%d"}' % number for number in range(40)], bounds=HistoryBounds(50, 60, 10**6)
        )
        text: Any = await node.made.redis.get(TOPIC.head)
        head = text.split()
        entries: Any = await node.made.redis.xrange(TOPIC.events)
        await node.made.redis.delete(TOPIC.events)
        for number, (id, fields) in enumerate(entries):  # all but the last three a minute older
            ms = int(id.partition(b"-")[2]) - (60_000 if number < 37 else 0)
            await node.made.redis.xadd(TOPIC.events, fields, id=f"{number + 1}-{ms}")
        head[2] = b"0"  # the oldest
        await node.made.redis.set(TOPIC.head, b" ".join(head))
        texts, _ = await node.page()
        assert [text[10:12] for text in texts] == [b"37", b"38", b"39"]
        assert await node.made.redis.xlen(TOPIC.events) == 3


async def test_what_is_too_old_is_found_at_once(server: RedisServer) -> None:
    """Redis does nothing else meanwhile, and a stream may have 100,000 events."""
    async with publishing(server) as node:
        await node.put(b'{"event":"e"}', bounds=HistoryBounds(100_000, 60, 10**8))
        text: Any = await node.made.redis.get(TOPIC.head)
        head = text.split()
        await node.made.redis.delete(TOPIC.events)
        async with node.made.redis.pipeline(transaction=False) as pipeline:
            for number in range(1, 1001):  # all but the last are too old
                ms = int(head[2]) - (60_000 if number < 1000 else 0)
                pipeline.xadd(TOPIC.events, {"t": "{}"}, id=f"{number}-{ms}")
            await pipeline.execute()
        head[1], head[2] = b"1000", b"0"
        await node.made.redis.set(TOPIC.head, b" ".join(head))
        await node.made.redis.config_resetstat()
        assert (await node.page())[0] == [b"{}"]
        calls: Any = await node.made.redis.info("commandstats")
        assert calls["cmdstat_xrange"]["calls"] < 20


async def test_a_page_is_bounded_in_bytes(server: RedisServer) -> None:
    async with publishing(server) as node:
        big = b'{"event":"%s"}' % (b"x" * 2_500_000)
        await node.put(big, big, bounds=HistoryBounds(5, 60, 10**8))
        began = Position((await node.made.history.page(APP, "room", None, 1)).position.epoch, 0)
        page = await node.made.history.page(APP, "room", began, 5)
        assert (len(page.events), page.has_more) == (1, True)


async def test_a_gap_is_an_event_of_the_history(server: RedisServer) -> None:
    async with publishing(server) as node:
        await node.put(b'{"event":"a"}')
        node.made.history.mark_gap(m.MarkGap(7, APP, "room", KEPT))
        await node.put(b'{"event":"b"}')
        assert node.made.told == [m.Accepted([7], m.MARKED_GAPS)]
        texts, _ = await node.page()
        assert texts[1].startswith(gap_text("room", EXPIRED)[:-1])
        assert texts == await node.made.logged("room")


async def test_without_a_right_to_ask_for_the_server_there_is_no_history(server: RedisServer) -> None:
    async with publishing(server) as node:
        await node.made.redis.execute_command("ACL", "SETUSER", "default", "-info")
        try:
            await node.put(b'{"event":"a"}')
            assert await node.made.logged("room") == [b'{"event":"a"}']
            assert await node.made.history.page(APP, "room", None, 1) == UNAVAILABLE_PAGE
            assert node.made.history.read_replay(None) is None
        finally:
            await node.made.redis.execute_command("ACL", "SETUSER", "default", "+info")


async def test_what_is_asked_for_with_a_subscription(server: RedisServer) -> None:
    async with ledgers(server) as made:
        enter = m.Enter(1, APP, "room", 1, None, b"", False, False, want_position=True)
        assert made.history.enter_args(enter) == ((TOPIC.head, TOPIC.events), ("", "", "", "", 0, 0))
        enter.resume = Resume(read_position("abc-5"), "1.2", 10, 99)
        assert made.history.enter_args(enter)[1] == ("1", "abc", 5, "1.2", 10, 99)
        enter.resume = Resume(None, "", 10, 99)
        assert made.history.enter_args(enter)[1] == ("1", "", "", "", 10, 99)
