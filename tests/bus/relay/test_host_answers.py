import asyncio
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from revurb.bus.relay import host_answers
from revurb.bus.relay.host_answers import HostAnswers, merge
from revurb.bus.relay.relay_messages import RelayAnswer

HERE, THERE = "one worker", "another"


class Published:
    """What was published, by HostAnswers that are made with it."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self.done: list[Callable[[], None]] = []
        self.changed = asyncio.Event()
        self.answers = HostAnswers(self.publish)

    def publish(self, channel: str, message: bytes, done: Callable[[], None]) -> None:
        self.messages.append((channel, message))
        self.done.append(done)
        self.changed.set()

    def answer(self, worker: object, payload: Any, key: str = "k") -> None:
        raw = payload if isinstance(payload, bytes) else orjson.dumps(payload)
        self.answers.add(worker, {HERE, THERE}, RelayAnswer("reverb", key, b'{"payload":', raw, b"}"))

    def payloads(self) -> list[Any]:
        return [orjson.loads(message)["payload"] for _, message in self.messages]


@pytest.mark.parametrize(
    ("first", "second", "merged"),
    [
        ({"1.1": {}}, {"2.1": {}, "2.2": {}}, {"1.1": {}, "2.1": {}, "2.2": {}}),  # connections
        ({"a": {"subscription_count": 2}}, {"a": {"subscription_count": 3}, "b": {}},
         {"a": {"subscription_count": 5}, "b": {}}),
        ({"a": []}, {"a": {"user_count": 3}}, {"a": {"user_count": 3}}),  # PHP's empty map
        ({"occupied": False}, {"occupied": True, "user_count": 1}, {"occupied": True, "user_count": 1}),
        ({"cache": {"event": "e"}}, {"cache": {"event": "e"}}, {"cache": {"event": "e"}}),
        ([{"id": "ann"}, {"id": 7}], [{"id": 7}, {"id": "bob"}], [{"id": "ann"}, {"id": 7}, {"id": "bob"}]),
        ([], {"1.1": {}}, {"1.1": {}}),
        ({"1.1": {}}, [], {"1.1": {}}),
        ([], [], []),
    ],
)  # fmt: skip
def test_merging(first: Any, second: Any, merged: Any) -> None:
    assert merge(first, second) == merged


async def test_an_answer_is_published_when_the_last_worker_has_given_its_part() -> None:
    published = Published()
    published.answer(HERE, {"1.1": {}})
    published.answer(HERE, {"1.1": {}}, "other")
    assert published.messages == []
    published.answer(THERE, {"2.1": {}})
    assert published.payloads() == [{"1.1": {}, "2.1": {}}]
    assert published.messages[0][0] == "reverb"
    published.answer(THERE, [], "other")
    assert published.payloads()[1] == {"1.1": {}}


async def test_a_worker_that_has_gone_is_not_waited_for() -> None:
    published = Published()
    published.answer(HERE, {"1.1": {}})
    published.answers.forget(THERE)
    published.answers.forget(THERE)
    assert published.payloads() == [{"1.1": {}}]


async def test_a_worker_that_gives_no_part_is_waited_for_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    published = Published()
    monkeypatch.setattr(host_answers, "DEADLINE_S", 0.01)
    published.answer(HERE, {"1.1": {}})
    async with asyncio.timeout(5):
        await published.changed.wait()
    assert published.payloads() == [{"1.1": {}}]


async def test_a_part_that_is_no_json_counts_as_an_empty_one() -> None:
    published = Published()
    published.answer(HERE, b"nonsense")
    published.answer(THERE, {"2.1": {}})
    assert published.payloads() == [{"2.1": {}}]


async def test_nothing_is_published_once_the_session_is_over() -> None:
    published = Published()
    published.answer(HERE, {"1.1": {}})
    published.answers.close()
    published.answers.forget(THERE)
    assert published.messages == []


async def test_answers_that_redis_does_not_take_are_bounded(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    published = Published()
    monkeypatch.setattr(host_answers, "MAX_WAITING_BYTES", 40)

    def ask(times: int) -> int:
        for number in range(times):
            for worker in (HERE, THERE):
                published.answer(worker, {"1.1": {}}, str(number))
        return len(published.messages)

    assert ask(10) == 2
    assert published.answers.dropped == 8
    assert len(caplog.records) == 1
    for done in published.done:
        done()
    assert ask(1) == 3
