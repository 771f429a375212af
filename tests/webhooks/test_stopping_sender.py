"""The end of a sender: what it still does, what it leaves to another, what becomes of the rest."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from revurb.apps import WebhookTarget
from revurb.observe.counters import Counters
from revurb.pusher.facts import Fact
from revurb.webhooks.delivery_desk import SendingClock
from tests.webhooks.receiver import MemoryQueue, app_with, occupied, receiving, until
from tests.webhooks.sending import is_quiet, sending


async def test_a_sender_that_stops_lets_its_request_come_to_an_end() -> None:
    queue = MemoryQueue()
    async with receiving() as receiver:
        receiver.hold = asyncio.Event()
        async with sending(queue, app_with(receiver.url)) as sender:
            queue.tell(occupied("a"))
            await until(lambda: receiver.requests)
            queue.tell(occupied("b"))
            stopping = asyncio.ensure_future(sender.stop(30))
            await asyncio.sleep(0)
            receiver.hold.set()
            await stopping
    assert len(receiver.requests) == 1
    assert [queued.fact.channel for queued in queue.facts.values()] == ["b"]
    assert not queue.kept


async def test_a_sender_that_stops_begins_nothing_that_comes_meanwhile() -> None:
    queue = MemoryQueue()
    async with receiving() as receiver:
        receiver.hold = asyncio.Event()
        other = WebhookTarget(url=f"{receiver.url}/other", events=("cache_miss",), batch_ms=0)
        async with sending(queue, app_with(receiver.url, other)) as sender:
            queue.tell(occupied("a"))
            await until(lambda: receiver.requests)
            stopping = asyncio.ensure_future(sender.stop(30))
            await asyncio.sleep(0)
            queue.tell(Fact("cache_miss", "1", "b", 0))
            await asyncio.sleep(0.05)
            receiver.hold.set()
            await stopping
    assert [event["channel"] for event in receiver.events] == ["a"]
    assert [queued.fact.channel for queued in queue.facts.values()] == ["b"]


async def test_the_last_sender_sends_what_waits() -> None:
    queue = MemoryQueue()
    async with receiving() as receiver:
        target = WebhookTarget(url=receiver.url, batch_ms=60_000)
        async with sending(queue, app_with(receiver.url, target.url + "/slow")) as sender:
            queue.tell(Fact("channel_vacated", "1", "a", 10**15))
            await sender.stop(30, is_last=True)
    assert len(receiver.requests) == 2
    assert is_quiet(queue)()


async def test_a_receiver_that_does_not_answer_is_not_waited_for() -> None:
    queue, counters = MemoryQueue(), Counters()
    async with receiving() as receiver:
        receiver.hold = asyncio.Event()
        async with sending(queue, app_with(receiver.url), counters=counters) as sender:
            queue.tell(occupied("a"))
            await until(lambda: receiver.requests)
            await sender.stop(0.01)
    assert len(queue.facts) == len(queue.kept) == 1
    assert counters.webhook_dead_letters_total == 0


async def test_what_the_last_sender_cannot_send_are_dead_letters(tmp_path: Path) -> None:
    queue, path = MemoryQueue(), tmp_path / "dead.jsonl"
    async with receiving() as receiver:
        receiver.answer = 503
        slow = SendingClock(sleep=lambda delay_s: asyncio.sleep(3600))
        async with sending(queue, app_with(receiver.url), clock=slow, dead_letters=str(path)) as sender:
            queue.tell(occupied("a"))
            await until(lambda: receiver.requests)
            queue.tell(occupied("b"), Fact("channel_vacated", "1", "b", 10**15))
            await sender.stop(0.01, is_last=True)
    letters = [json.loads(line) for line in path.read_text().splitlines()]
    assert {letter["reason"] for letter in letters} == {"the server has stopped"}
    assert [letter["webhook_id"] for letter in letters] == [receiver.requests[0].id, ""]
    events = [(event["name"], event["channel"]) for letter in letters for event in letter["events"]]
    assert events == [("channel_occupied", "a"), ("channel_occupied", "b"), ("channel_vacated", "b")]


async def test_after_the_end_nothing_is_sent() -> None:
    queue = MemoryQueue()
    async with receiving() as receiver:
        async with sending(queue, app_with(receiver.url)) as sender:
            queue.tell(occupied("a"))
            sender.end()
            sender.take(list(queue.facts.values()))
            await asyncio.sleep(0.05)
            assert not receiver.requests
            sender.begin({})
            sender.take(list(queue.facts.values()))
            await until(is_quiet(queue))
