"""What a question waits for and keeps, without a Redis."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from revurb.bus.reverb import metrics_requests
from revurb.pusher.ports import ChannelState


async def test_more_answers_than_there_can_be_php_nodes_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_requests, "MAX_ANSWERS", 3)
    monkeypatch.setattr(metrics_requests, "DEADLINE_S", 0.05)
    requests = metrics_requests.MetricsRequests()
    requests.open("key")
    for _ in range(10):
        requests.on_answer("key", msgspec.Raw(b"[]"))
    assert len(await requests.answers("key")) == 3


async def test_without_redis_no_answer_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asked for counts when Redis was lost is not to wait for the whole deadline."""
    monkeypatch.setattr(metrics_requests, "DEADLINE_S", 60.0)
    requests = metrics_requests.MetricsRequests()
    for key in ("counted", "not counted yet"):
        requests.open(key)
    requests.expect("counted", 2)
    requests.finish_all()
    async with asyncio.timeout(5):
        for key in ("counted", "not counted yet"):
            assert await requests.answers(key) == []


async def test_what_is_answered_by_all_waits_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_requests, "DEADLINE_S", 60.0)
    requests = metrics_requests.MetricsRequests()
    for key, is_counted_first in (("early", True), ("late", False)):
        requests.open(key)
        if is_counted_first:
            requests.expect(key, 2)
        for _ in range(2):
            requests.on_answer(key, msgspec.Raw(b"[]"))
        if not is_counted_first:
            requests.expect(key, 2)
    async with asyncio.timeout(5):
        for key in ("early", "late"):
            assert await requests.answers(key) == [[], []]


def test_a_channel_that_a_php_node_lists_without_numbers_is_occupied() -> None:
    assert metrics_requests.add_channels({}, [{"quiet": []}]) == {"quiet": ChannelState(1)}


def test_a_list_is_a_map_with_numbers_as_names() -> None:
    """PHP writes it so where all of its channels are called 0, 1, 2 and so on."""
    answer = [{"subscription_count": 2}, [], {"subscription_count": 1}]
    assert metrics_requests.add_channels({"1": ChannelState(4)}, [answer]) == {
        "0": ChannelState(2),
        "1": ChannelState(5),
        "2": ChannelState(1),
    }
    assert metrics_requests.add_states(["2", "0", "x"], [ChannelState()] * 3, [answer, []]) == [
        ChannelState(1),
        ChannelState(2),
        ChannelState(),
    ]
