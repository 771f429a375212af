"""A budget over several processes: one may use it alone, and all together no more."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from revurb.apps import App, AppLimits
from revurb.config import Config, ServerConfig
from revurb.node.node import Node
from revurb.node.shared_rates import MAX_BUDGETS, QUESTION, SharedRates, share_of
from tests.client import api, connect
from tests.conftest import Need
from tests.node.together import BusFactory, hub, redis


def nothing(question: bytes) -> bytes:
    return b"other"


class Bus:
    """Several processes that answer at once."""

    def __init__(self, count: int) -> None:
        self.now = 0.0
        self.rates = [SharedRates(count, lambda: self.now) for _ in range(count)]
        self.answerers = [rates.answerer(nothing) for rates in self.rates]
        self.surveys = 0

    def survey(self, question: bytes, deadline_s: float) -> Sequence[bytes]:
        self.surveys += 1
        return [answer(question) for answer in self.answerers]

    def run(self, seconds: float, wants: Sequence[int]) -> list[int]:
        """What each got whose process is asked for so many a second, in ticks of a tenth."""
        got = [0] * len(wants)
        for _ in range(round(seconds * 10)):
            self.now += 0.1
            for index, (rates, wanted) in enumerate(zip(self.rates, wants, strict=True)):
                got[index] += sum(rates.take("1", "publishes", 100) == 0 for _ in range(wanted // 10))
                rates.on_tick(self)
        return got


def test_one_process_has_the_whole_budget_while_the_others_do_not_want_it() -> None:
    bus = Bus(4)
    bus.run(2, [200, 0, 0, 0])
    got = bus.run(10, [200, 0, 0, 0])
    assert 950 <= got[0] <= 1050
    assert bus.surveys <= 13  # one a second, of the process that uses it


def test_all_together_have_no_more_than_the_budget() -> None:
    bus = Bus(4)
    bus.run(3, [200, 200, 200, 200])
    got = bus.run(10, [200, 200, 200, 200])
    assert 900 <= sum(got) <= 1100
    assert max(got) - min(got) < 60


def test_what_little_others_want_they_get() -> None:
    bus = Bus(2)
    bus.run(5, [200, 20])
    busy, modest = bus.run(10, [200, 20])
    assert modest >= 80
    assert 900 <= busy + modest <= 1100


def test_shares() -> None:
    assert share_of(100, 0.0, [0.0, 0.0]) == pytest.approx(100, abs=0.1)
    assert share_of(100, 50.0, [50.0, 0.0]) == 100.0
    assert share_of(100, 20.0, [20.0, 40.0]) == 40.0
    assert share_of(100, 200.0, [200.0, 200.0]) == 50.0


def test_what_is_no_question_and_no_answer() -> None:
    rates = SharedRates(clock=lambda: 0.0)
    answer = rates.answerer(nothing)
    assert answer(b"status") == b"other"
    for nonsense in (b"", b"{", b"[[1]]", b'[["a","b"]]', b"[" * 100_000):
        assert answer(QUESTION + nonsense) == b""

    class Odd:
        def survey(self, question: bytes, deadline_s: float) -> Sequence[bytes]:
            return [b"", b"[", b"[1,2]", b"[-1]", b'["a"]', b"[" * 100_000]

    assert rates.take("1", "reads", 10) == 0.0
    rates.on_tick(Odd())
    assert rates.take("1", "reads", 10) == 0.0


def test_a_debt_is_not_forgotten() -> None:
    """A batch may be larger than the bucket; then nothing more is let through until it is paid, whoever waits."""
    bus = Bus(1)
    (rates,) = bus.rates
    published = 0
    for second in range(600):
        bus.now = float(second)
        if second % 20 == 0 and not rates.take("1", "publishes", 1, 100):
            published += 100
        rates.on_tick(bus)
    assert published <= 600
    bus.now = 2000.0
    rates.on_tick(bus)
    assert len(rates._budgets) == 0


def test_debts_of_all_are_paid_from_one_budget() -> None:
    """Batches that come to one process after the other are no way around it."""
    bus = Bus(4)
    published_at: list[float] = []
    for tick in range(4000):
        bus.now = tick / 10
        for rates in bus.rates:
            if tick % 200 == 0 and not rates.take("1", "publishes", 5, 100):
                published_at.append(bus.now)
            rates.on_tick(bus)
    later = sum(100 for at in published_at if at >= 100.0)
    assert later <= 5 * 300 * 1.3


def test_where_nobody_answers_the_shares_stay() -> None:
    """As while the hub or Redis is away: no process takes the whole budget then."""

    class Away:
        def survey(self, question: bytes, deadline_s: float) -> Sequence[bytes]:
            return []

    bus = Bus(4)
    bus.run(3, [100, 100, 100, 100])
    bus.now += 2.0
    (rates, *_) = bus.rates
    rates.take("1", "publishes", 100)
    rates.on_tick(Away())
    rates.take("2", "publishes", 100)
    assert rates._budgets["1", "publishes"].bucket.rate <= 30
    assert rates._budgets["2", "publishes"].bucket.rate == 25


def test_nobody_is_told_to_come_back_in_hours() -> None:
    """Where others want all of a budget, the share of one is small until it is set again."""
    bus = Bus(2)
    busy, modest = bus.rates
    for _ in range(50):
        bus.now += 0.1
        for _ in range(1000):
            busy.take("1", "publishes", 10)
        busy.on_tick(bus)
        modest.on_tick(bus)
    modest.take("1", "publishes", 10)
    for _ in range(20):
        bus.now += 0.1
        for _ in range(1000):
            busy.take("1", "publishes", 10)
        busy.on_tick(bus)
        modest.on_tick(bus)
    waits_s = [modest.take("1", "publishes", 10) for _ in range(20)]
    assert max(waits_s) <= 1.0
    assert bus.rates[0].take("2", "publishes", 10, 1000) == 0.0
    assert 90 < busy.take("2", "publishes", 10) <= 200  # a debt takes what it takes


def test_budgets_that_are_not_used_are_forgotten() -> None:
    bus = Bus(1)
    (rates,) = bus.rates
    for number in range(MAX_BUDGETS + 10):
        rates.take(str(number), "reads", 10)
    assert len(rates._budgets) == MAX_BUDGETS
    bus.now += 60
    rates.on_tick(bus)
    assert len(rates._budgets) == 0


LIMITS = AppLimits(max_publishes_per_second=20, max_app_client_events_per_second=5)
APP = App(id="1", key="key1", secret="secret1", limits=LIMITS)


async def nodes_share_a_budget(factory: BusFactory) -> None:
    """All requests come to one of two nodes: it has the whole budget as soon as it has asked the other one."""
    config = Config(server=ServerConfig(host="127.0.0.1", port=0), apps=(APP,))
    nodes = [Node(config, bus_factory=factory, processes=2) for _ in range(2)]
    for node in nodes:
        await node.start()
    try:
        event = {"name": "e", "channel": "a", "data": "x"}
        deadline = time.monotonic() + 10
        while nodes[0]._rates._budgets.get(("1", "publishes")) is None or (
            nodes[0]._rates._budgets[("1", "publishes")].bucket.rate < 19
        ):
            assert (await api(nodes[0].port, APP, "POST", "/events", event)).status in (200, 429)
            assert time.monotonic() < deadline
        assert nodes[0]._rates._processes == 2
    finally:
        for node in nodes:
            await node.stop(drain_timeout_s=0)


async def test_over_the_hub(tmp_path: Path) -> None:
    async with hub(tmp_path) as factory:
        await nodes_share_a_budget(factory)


async def test_over_redis(need: Need, tmp_path: Path) -> None:
    async with redis(need("redis-server"), tmp_path) as factory:
        await nodes_share_a_budget(factory)


async def test_client_events_of_all_connections_count() -> None:
    node = Node(Config(server=ServerConfig(host="127.0.0.1", port=0), apps=(APP,)))
    await node.start()
    try:
        async with connect(node.port, APP.key) as one, connect(node.port, APP.key) as other:
            refused = 0
            for client in (one, other):
                await client.subscribe("private-a", APP)
            for client in (one, other):
                for _ in range(5):
                    await client.send({"event": "client-e", "channel": "private-a", "data": "x"})
            for client in (one, other):
                for frame in await client.flushed():
                    refused += b"4301" in frame.payload
            assert refused == 5
    finally:
        await node.stop(drain_timeout_s=0)


def test_a_limit_that_no_float_has_is_none() -> None:
    rates = SharedRates(2, clock=lambda: 0.0)
    assert rates.take("1", "publishes", 10**400) == 0.0
