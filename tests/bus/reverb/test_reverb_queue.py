"""Messages for PHP nodes: sent in order, and kept while they cannot be sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from revurb.bus.redis.command_queue import CommandQueue
from revurb.bus.reverb import reverb_queue
from revurb.bus.reverb.reverb_queue import ReverbQueue


class Redis:
    """In place of `CommandQueue`: keeps what is published, and replies when it is told to."""

    def __init__(self) -> None:
        self.published: list[bytes] = []
        self.callbacks: list[Callable[[Any], None]] = []

    def run_command(self, name: str, channel: str, message: bytes, done: Callable[[Any], None]) -> None:
        assert (name, channel) == ("PUBLISH", "reverb")
        self.published.append(message)
        self.callbacks.append(done)

    def commands(self) -> CommandQueue:
        return cast(CommandQueue, self)


async def test_a_message_is_done_when_redis_has_it() -> None:
    queue, redis = ReverbQueue("reverb"), Redis()
    sent = queue.add(b"1", redis.commands())
    assert sent is not None
    assert not sent.done()
    redis.callbacks[0](1)
    assert sent.done()


async def test_without_a_reply_a_message_is_sent_again_before_the_others() -> None:
    queue, redis, back = ReverbQueue("reverb"), Redis(), Redis()
    sent = [queue.add(text, redis.commands()) for text in (b"1", b"2", b"3")]
    redis.callbacks[0](1)
    queue.disconnected(hold=True)
    assert all(each is not None and each.done() for each in sent)  # no publisher waits any longer
    assert queue.add(b"4", None) is None
    assert queue.add(b"5", back.commands()) is None  # until `release`
    queue.release(back.commands())
    assert back.published == [b"2", b"3", b"4", b"5"]
    assert queue.dropped == 0


async def test_what_waits_goes_with_the_next_message_where_nobody_holds_it() -> None:
    queue, redis = ReverbQueue("reverb"), Redis()
    assert queue.add(b"1", None) is None
    assert queue.add(b"2", redis.commands()) is None
    assert redis.published == [b"1", b"2"]


async def test_without_php_nodes_everything_is_dropped_and_counted() -> None:
    queue = ReverbQueue("reverb")
    queue.disconnected(hold=True)
    for text in (b"1", b"2"):
        queue.add(text, None)
    queue.release(None)
    assert queue.dropped == 2
    assert not queue.is_holding
    redis = Redis()
    queue.add(b"3", redis.commands())  # for a PHP node that comes later, to which the others are no news
    assert redis.published == [b"3"]


@pytest.mark.parametrize(("limit", "value"), [("MAX_WAITING", 2), ("MAX_WAITING_BYTES", 700)])
async def test_the_oldest_is_dropped(monkeypatch: pytest.MonkeyPatch, limit: str, value: int) -> None:
    monkeypatch.setattr(reverb_queue, limit, value)
    queue, redis = ReverbQueue("reverb"), Redis()
    for text in (b"11", b"22", b"33"):
        queue.add(text, None)
    assert queue.dropped == 1
    queue.release(redis.commands())
    assert redis.published == [b"22", b"33"]


async def test_the_messages_of_a_turn_go_out_together() -> None:
    queue, redis = ReverbQueue("reverb"), Redis()
    texts = [b"%d" % number for number in range(1000)]
    for text in texts:
        queue.add(text, redis.commands())
    assert redis.published == texts


async def test_no_more_is_sent_than_redis_confirms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reverb_queue, "MAX_UNCONFIRMED_BYTES", 700)
    queue, redis = ReverbQueue("reverb"), Redis()
    texts = [b"%d" % number for number in range(6)]
    sent = [queue.add(text, redis.commands()) for text in texts]
    assert redis.published == texts[:3]
    assert [each is None for each in sent] == [False] * 3 + [True] * 3
    for number in range(6):
        redis.callbacks[number](1)
    assert redis.published == texts
    last = queue.add(b"last", redis.commands())
    assert last is not None
    assert redis.published[-1] == b"last"


async def test_what_waits_behind_a_redis_that_stands_still_is_bounded_and_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(reverb_queue, "MAX_UNCONFIRMED_BYTES", 700)
    monkeypatch.setattr(reverb_queue, "MAX_WAITING", 5)
    queue, redis = ReverbQueue("reverb"), Redis()
    for number in range(20):
        queue.add(b"%d" % number, redis.commands())
    assert redis.published == [b"0", b"1", b"2"]
    assert queue.dropped == 12
    queue.disconnected(hold=True)
    assert queue.dropped == 15
    assert [record.message for record in caplog.records] == [
        "too many messages wait for PHP nodes: the oldest are dropped"
    ]
