from __future__ import annotations

import asyncio
import io
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from revurb.apps import WebhookTarget
from revurb.observe.counters import Counters
from revurb.observe.trace import MessageTrace
from revurb.pusher.facts import Fact
from revurb.webhooks.app_targets import TargetRoute
from revurb.webhooks.delivery_desk import SendingClock
from revurb.webhooks.kept_request import KeptRequest, encode_kept
from revurb.webhooks.sending_turn import SendingLimits
from tests.webhooks.receiver import MemoryQueue, app_with, occupied, receiving, until
from tests.webhooks.sending import is_quiet, is_told, sending


async def test_a_fact_becomes_a_signed_request_and_is_done() -> None:
    queue = MemoryQueue()
    async with receiving() as receiver:
        app = app_with(WebhookTarget(url=receiver.url, headers={"Authorization": "Bearer hush"}))
        async with sending(queue, app):
            queue.tell(occupied("a"), occupied("b"))
            await until(is_quiet(queue))
    (request,) = receiver.requests
    assert request.events == [
        {"name": "channel_occupied", "channel": "a"},
        {"name": "channel_occupied", "channel": "b"},
    ]
    assert request.headers["X-Pusher-Key"] == "key-1"
    assert app.signed(request.body.decode(), request.headers["X-Pusher-Signature"])
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Authorization"] == "Bearer hush"
    assert len(request.id) == 32


async def test_a_backlog_becomes_larger_batches_in_order_one_at_a_time() -> None:
    queue = MemoryQueue()
    async with receiving() as receiver:
        receiver.hold = asyncio.Event()
        async with sending(queue, app_with(receiver.url)):
            queue.tell(occupied("0"))
            await until(lambda: receiver.requests)
            for number in range(1, 100):
                queue.tell(occupied(str(number)))
            receiver.hold.set()
            await until(is_quiet(queue))
    assert [event["channel"] for event in receiver.events] == [str(number) for number in range(100)]
    assert len(receiver.requests) == 2


async def test_each_target_is_told_of_what_it_wants_and_of_its_own_app() -> None:
    queue = MemoryQueue()
    async with receiving() as one, receiving() as two, receiving() as other:
        first = app_with(
            WebhookTarget(url=one.url, events=("channel_occupied",)),
            WebhookTarget(url=two.url, channels=("chat-*",)),
        )
        second = app_with(other.url, app_id="2")
        async with sending(queue, first, second):
            queue.tell(
                occupied("chat-1"),
                Fact("cache_miss", "1", "chat-2", 0),
                occupied("news"),
                occupied("chat-1", "2"),
                Fact("cache_miss", "1", "news", 0),
                occupied("chat-1", "unknown"),
            )
            await until(is_quiet(queue))
    assert [event["channel"] for event in one.events] == ["chat-1", "news"]
    assert [event["channel"] for event in two.events] == ["chat-1", "chat-2"]
    assert [event["channel"] for event in other.events] == ["chat-1"]
    assert {request.headers["X-Pusher-Key"] for request in other.requests} == {"key-2"}


async def test_a_request_that_fails_is_repeated_with_its_id_and_body() -> None:
    queue, counters = MemoryQueue(), Counters()
    async with receiving() as receiver:
        receiver.answers = [500, 408, 425, 429, 503]
        async with sending(queue, app_with(receiver.url), counters=counters):
            queue.tell(occupied("a"))
            await until(is_quiet(queue))
            assert counters.webhook_facts_waiting == 0
    assert len(receiver.requests) == 6
    assert len({(request.id, request.body) for request in receiver.requests}) == 1
    assert (counters.webhook_requests_total, counters.webhook_failures_total) == (6, 5)
    assert counters.webhook_dead_letters_total == 0


async def test_a_request_counts_when_its_answer_is_known() -> None:
    """Counted before, it would be one that went well until it has failed: a counter that goes down is a restart to
    Prometheus, which then adds all of it once more."""
    queue, counters = MemoryQueue(), Counters()
    async with receiving() as receiver:
        receiver.hold, receiver.answers = asyncio.Event(), [500]
        async with sending(queue, app_with(receiver.url), counters=counters):
            queue.tell(occupied("a"))
            await until(lambda: receiver.requests)
            assert counters.webhook_requests_total == 0
            receiver.hold.set()
            await until(is_quiet(queue))
    assert (counters.webhook_requests_total, counters.webhook_failures_total) == (2, 1)


async def test_requests_can_be_traced() -> None:
    queue, stream = MemoryQueue(), io.StringIO()
    async with receiving() as receiver:
        receiver.answers = [500]
        app = app_with(f"{receiver.url}?token=hush")
        async with sending(queue, app, trace=MessageTrace(stream)):
            queue.tell(occupied("a"))
            await until(is_quiet(queue))
    lines = [line.split(" ", 1)[1] for line in stream.getvalue().splitlines()]
    sent = f"--> webhook {receiver.url}?... {receiver.requests[0].body.decode()}"
    assert lines == [
        sent,
        f"<-- webhook {receiver.url}?... answered 500",
        sent,
        f"<-- webhook {receiver.url}?... answered 200",
    ]


async def test_what_the_receiver_refuses_is_a_dead_letter(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "revurb")
    queue, counters, path = MemoryQueue(), Counters(), tmp_path / "dead.jsonl"
    async with receiving() as receiver:
        receiver.answers = [404]
        app = app_with(f"{receiver.url}?token=hush")
        async with sending(queue, app, counters=counters, dead_letters=str(path)):
            queue.tell(occupied("a"))
            await until(is_quiet(queue))
            queue.tell(occupied("b"))
            await until(is_quiet(queue))
    assert [event["channel"] for event in receiver.events] == ["a", "b"]
    (letter,) = map(json.loads, path.read_text().splitlines())
    assert letter == {
        "app_id": "1",
        "url": f"{receiver.url}?...",
        "webhook_id": receiver.requests[0].id,
        "reason": "answered 404",
        "events": [{"name": "channel_occupied", "channel": "a"}],
    }
    assert counters.webhook_dead_letters_total == 1
    assert [record.getMessage() for record in caplog.records] == [
        "webhook target fails",
        "webhook given up",
        "webhook target works again",
    ]
    assert "hush" not in repr([record.__dict__ for record in caplog.records])


async def test_after_five_minutes_of_failures_it_is_given_up() -> None:
    queue, counters = MemoryQueue(), Counters()
    time_s, slept = [1_700_000_000.0], []

    async def sleep(delay_s: float) -> None:
        slept.append(delay_s)
        time_s[0] += delay_s

    clock = SendingClock(now_s=lambda: time_s[0], sleep=sleep, jitter=lambda: 1.0)
    async with receiving() as receiver:
        receiver.answer = 500
        async with sending(queue, app_with(receiver.url), counters=counters, clock=clock):
            queue.tell(occupied("a"))
            await until(is_quiet(queue))
    assert slept == [0.25, 0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60, 56.25]
    assert len(receiver.requests) == 13
    assert counters.webhook_dead_letters_total == 1


async def test_a_successor_repeats_the_same_request_and_its_facts_once() -> None:
    queue = MemoryQueue()
    async with receiving() as receiver:
        receiver.hold = asyncio.Event()
        app = app_with(receiver.url)
        async with sending(queue, app):
            queue.tell(occupied("a"), occupied("b"))
            await until(lambda: receiver.requests)
            async with sending(queue, app):  # the first one is told to end, as if it had died
                queue.tell(occupied("c"))
                receiver.hold.set()
                await until(is_quiet(queue))
    first, second, third = receiver.requests
    assert (first.id, first.body) == (second.id, second.body)
    assert [event["channel"] for event in third.events] == ["c"]


async def test_a_successor_repeats_nothing_to_a_target_that_was_told() -> None:
    """One target fails for as long as the first sender lives; the other has got everything."""
    queue = MemoryQueue()
    async with receiving() as good, receiving() as bad:
        bad.answer = 500
        app = app_with(good.url, bad.url)
        slow = SendingClock(sleep=lambda delay_s: asyncio.sleep(3600))
        async with sending(queue, app, clock=slow):
            for number in range(20):
                queue.tell(occupied(str(number)))
                await until(is_told(good, number + 1))
            await until(lambda: len(queue.kept) == 21)  # those that are over, and the one that fails
            assert len(queue.facts) == 20
            bad.answer = 200
            async with sending(queue, app):
                await until(is_quiet(queue))
    channels = [str(number) for number in range(20)]
    assert [event["channel"] for event in good.events] == channels
    assert [event["channel"] for event in bad.events[1:]] == channels
    assert bad.requests[0].id == bad.requests[1].id


async def test_what_the_bus_cannot_keep_is_sent_when_it_can() -> None:
    queue, slept = MemoryQueue(), []
    queue.failing = 3

    async def sleep(delay_s: float) -> None:
        slept.append(delay_s)

    async with receiving() as receiver:
        async with sending(queue, app_with(receiver.url), clock=SendingClock(sleep=sleep)):
            queue.tell(occupied("a"))
            await until(is_quiet(queue))
    assert len(receiver.requests) == 1
    assert slept == [1, 1, 1]


async def test_what_is_kept_of_facts_that_never_come_is_forgotten_in_time() -> None:
    """They were done, and the sender died before it could forget the request."""
    queue, now = MemoryQueue(), [0.0]
    async with receiving() as receiver:
        app = app_with(receiver.url)
        route = TargetRoute.of(app, app.webhooks[0])
        over = KeptRequest("id", "1", route.id, 0, ("done",), None)
        queue.kept = {over.name: encode_kept(over)}
        async with sending(queue, app, clock=SendingClock(now=lambda: now[0])):
            queue.tell(occupied("a"))
            await until(lambda: not queue.facts and queue.kept.keys() == {over.name})
            now[0] = 601
            await until(is_quiet(queue))
    assert len(receiver.requests) == 1


async def test_what_is_kept_of_targets_that_are_no_more_is_forgotten() -> None:
    queue = MemoryQueue()
    gone = KeptRequest("id", "1", "gone", 0, ("f1",), b"{}")
    queue.kept = {gone.name: encode_kept(gone), "nonsense": b"\xc1"}
    async with receiving() as receiver:
        async with sending(queue, app_with(receiver.url)):
            await until(is_quiet(queue))
    assert not receiver.requests


async def test_what_waits_is_bounded_in_bytes_and_age() -> None:
    queue, counters, now = MemoryQueue(), Counters(), [0.0]
    limits = SendingLimits(max_queued_bytes=5000, max_age_s=100)
    async with receiving() as receiver:
        receiver.answer = 500
        clock = SendingClock(now=lambda: now[0], sleep=lambda delay_s: asyncio.sleep(3600))
        async with sending(queue, app_with(receiver.url), limits=limits, counters=counters, clock=clock):
            queue.tell(occupied("first"))
            await until(lambda: receiver.requests)
            queue.tell(*(occupied(str(number)) for number in range(1000)))
            await until(lambda: counters.webhook_dead_letters_total > 950)
            await until(lambda: counters.webhook_facts_waiting < 30)
            now[0] = 101
            await until(lambda: counters.webhook_facts_waiting == 1)
            assert len(queue.facts) == 1
            assert counters.webhook_dead_letters_total == 1000


async def test_a_request_of_a_process_whose_clock_was_ahead_is_not_tried_for_longer() -> None:
    queue, now_s, counters = MemoryQueue(), [1_700_000_000.0], Counters()

    async def sleep(delay_s: float) -> None:
        now_s[0] += delay_s
        await asyncio.sleep(0)

    async with receiving() as receiver:
        receiver.answer = 503
        app = app_with(receiver.url)
        route = TargetRoute.of(app, app.webhooks[0])
        first_try_ms = int(now_s[0] * 1000) + 3_600_000
        kept = KeptRequest("id", "1", route.id, first_try_ms, ("f1",), b'{"time_ms":1,"events":[]}')
        queue.kept = {kept.name: encode_kept(kept)}
        clock = SendingClock(now_s=lambda: now_s[0], sleep=sleep)
        async with sending(queue, app, counters=counters, clock=clock):
            await until(lambda: counters.webhook_dead_letters_total == 1)
    assert now_s[0] <= 1_700_000_000 + 301


async def test_what_waits_for_all_targets_is_bounded() -> None:
    """Of many targets that all fail, each has less than it may."""
    queue, counters = MemoryQueue(), Counters()
    limits = SendingLimits(max_queued_bytes=100_000)
    async with receiving() as receiver:
        receiver.hold = asyncio.Event()
        apps = [app_with(receiver.url, app_id=str(number)) for number in range(20)]
        async with sending(queue, *apps, limits=limits, counters=counters):
            queue.tell(*(occupied("first", str(number)) for number in range(20)))
            await until(lambda: len(receiver.requests) == 20)
            queue.tell(*(occupied(f"c{number}", str(number % 20)) for number in range(2000)))
            await until(lambda: counters.webhook_dead_letters_total > 500)
            queue.tell(*(occupied(f"d{number}", "19") for number in range(100)))
            await until(lambda: len(queue.facts) == counters.webhook_facts_waiting)
            left = [queued.fact for queued in queue.facts.values()]
            assert 900 < len(left) - 20 <= 1030  # of 390 to 400 bytes each
            assert ("19", "d99") in {(fact.app_id, fact.channel) for fact in left}
            receiver.hold.set()


async def test_facts_that_undo_each_other_are_never_sent() -> None:
    queue, now = MemoryQueue(), [0.0]
    clock = SendingClock(now=lambda: now[0], now_s=lambda: now[0])
    async with receiving() as receiver:
        async with sending(queue, app_with(receiver.url), clock=clock):
            queue.tell(Fact("channel_vacated", "1", "a", 0), occupied("a"), occupied("b"))
            await until(is_quiet(queue))
            queue.tell(Fact("channel_vacated", "1", "b", 0))
            await until(lambda: len(queue.facts) == 1)
            now[0] = 3.0
            queue.tell(occupied("c"))  # wakes it up, as its timer runs by another clock
            await until(is_quiet(queue))
    assert sorted((event["name"], event["channel"]) for event in receiver.events) == [
        ("channel_occupied", "b"),
        ("channel_occupied", "c"),
        ("channel_vacated", "b"),
    ]


def test_a_process_that_sends_nothing_does_not_import_the_client() -> None:
    program = """
import sys
from revurb.apps import App, FixedApps, WebhookTarget
from revurb.webhooks.sender import WebhookSender
app = App(id="1", key="k", secret="s", webhooks=(WebhookTarget(url="https://example.com"),))
sender = WebhookSender(FixedApps([app]))
assert list(sender.wanted) == ["1"]
assert not WebhookSender(FixedApps([App(id="1", key="k", secret="s")])).wanted
sys.exit("aiohttp" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0
