"""Places below an app's limit, lent to a node, taken and called back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from revurb.bus.redis import connection_loans
from revurb.bus.redis.connection_loans import ConnectionLoans
from revurb.bus.redis.keys import Keys
from revurb.bus.redis.redis_ledger import RedisLedger
from revurb.bus.redis.refusals import UnusableValue
from tests.bus.engines import APP, DEADLINE_S, BusNode, resolve
from tests.bus.redis_engines import RedisCluster
from tests.redis_server import RedisServer

KEYS = Keys("revurb")
RECALLS = KEYS.places(APP).encode()


class Lender:
    """In place of the ledger: answers when the test says so. `told` holds (connections, spare places, round)."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, int]] = []  # count, limit, wanted
        self.told: list[tuple[int, int, str]] = []
        self.lent: list[Callable[[list[int]], None]] = []
        self.failed: list[Callable[[UnusableValue], None]] = []
        self.done: list[Callable[[int], None]] = []

    def lend_places(self, app_id: str, count: int, limit: int, wanted: int, wait_ms: int, *then: Any) -> None:
        self.asked.append((count, limit, wanted))
        self.lent.append(then[0])
        self.failed.append(then[1])

    def set_connections(self, app_id: str, count: int, **more: Any) -> None:
        self.told.append((count, more.get("spare", 0), more.get("round", "")))
        self.done.append(more.get("done", lambda reply: None))


class Borrower:
    """A node's loans, with a lender that the test speaks for. `count` are its connections, `answers` those to its
    questions."""

    def __init__(self) -> None:
        self.lender = Lender()
        self.count = 0
        self.answers: dict[int, object] = {}
        self.counts: dict[str, int] = {}
        self.is_certain = True
        self._ids = 0
        self.loans = ConnectionLoans(
            KEYS, cast(RedisLedger, self.lender), self.counts, lambda channel, then: then(), self._reply,
            lambda id: self._reply(id, "refused"), lambda: self.is_certain,
        )  # fmt: skip

    def _reply(self, id: int, value: object) -> None:
        self.answers[id] = value
        self.count += value is True

    def come(self, limit: int = 10) -> bool | int:
        """Whether one more is let in at once, or the number of the question."""
        if self.loans.take(APP, limit, self.count):
            self.count += 1
            return True
        self._ids += 1
        self.loans.admit(self._ids, APP, limit)
        return self._ids

    def go(self) -> None:
        self.count -= 1
        self.loans.released(APP, self.count)


async def test_what_is_lent_is_taken_without_a_question() -> None:
    node = Borrower()
    first, second = node.come(), node.come()
    assert node.lender.asked == [(0, 10, 1)], "one question at a time"
    node.lender.lent[0]([1, 0, 0])
    assert (node.answers, node.lender.asked[1:]) == ({first: True}, [(1, 10, 1)])
    node.lender.lent[1]([4, 0, 0])
    assert node.answers[second] is True
    assert [node.come() for _ in range(3)] == [True] * 3
    node.go()
    assert node.come() is True
    assert node.come() == 3
    node.lender.lent[2]([0, 0, 1])
    assert node.answers[3] is False
    assert node.come(11) == 4, "a limit that has changed is asked for"
    assert node.counts == {APP: 5}


async def test_a_count_is_told_with_what_is_spare_and_behind_a_question() -> None:
    node = Borrower()
    node.loans.set_connections(APP, 7)
    assert node.lender.told == [(7, 0, "")], "of an app without a limit"
    node.come()
    node.loans.set_connections(APP, 0)
    assert len(node.lender.told) == 1
    node.lender.lent[0]([5, 0, 0])
    assert node.lender.told[1:] == [(1, 4, "")]
    node.come()
    node.loans.set_connections(APP, 1)  # as the message says, which waited
    assert node.lender.told[2:] == [(2, 3, "")]
    assert node.loans.take(APP, None, 2), "the limit is gone"
    node.loans.set_connections(APP, 3)
    assert node.lender.told[3:] == [(3, 2, "")]


async def test_a_recall_is_answered_and_then_places_are_given_back_one_by_one() -> None:
    node = Borrower()
    node.come()
    node.lender.lent[0]([5, 0, 0])
    assert node.loans.on_message(RECALLS, b"100")
    assert node.lender.told == [(1, 0, "100")]
    assert node.come() == 2, "nothing is spare any more"
    node.lender.lent[1]([1, 0, 1])
    node.lender.told.clear()
    node.go()
    node.go()
    assert not node.lender.told, "once for a turn"
    await asyncio.sleep(0)
    assert node.lender.told == [(0, 0, "")]
    node.lender.done[0](0)  # to the recall: it knows nothing of what was told since
    assert node.loans._loans[APP].is_scarce
    node.lender.done[-1](0)
    assert not node.loans._loans[APP].is_scarce, "much is free again"


async def test_a_recall_that_overtakes_an_answer_takes_back_what_that_lent() -> None:
    """Redis publishes it behind the loan, and on another connection it is here before."""
    node = Borrower()
    first = node.come()
    assert node.loans.on_message(RECALLS, b"100")
    assert not node.lender.told
    node.lender.lent[0]([5, 0, 0])
    assert node.answers == {first: True}
    assert node.lender.told == [(1, 0, "100")]
    assert node.come() == 2
    node.go()
    node.lender.lent[1]([1, 0, 1])
    assert node.lender.told[1:] == [(1, 0, "")], "what became free meanwhile is told behind the answer"


async def test_whoever_wants_a_place_waits_until_all_have_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_loans, "FIRST_PAUSE_S", 0.0)
    node = Borrower()
    node.come()
    node.lender.lent[0]([0, 2, 1])
    assert node.loans.on_message(RECALLS, b"100")
    assert node.lender.told == [(0, 0, "100")], "it is one of those that are asked"
    assert node.come() == 2
    for asked in (2, 3):
        async with asyncio.timeout(DEADLINE_S):
            while len(node.lender.asked) < asked:
                await asyncio.sleep(0.001)
        assert not node.answers
        node.lender.lent[asked - 1]([0, 1, 1] if asked == 2 else [1, 0, 1])
    assert node.answers == {1: True, 2: False}
    node.come()
    node.lender.lent[3]([0, 1, 1])
    node.loans.stop()
    assert not node.loans.on_message(RECALLS, b"101")


async def test_nothing_is_taken_when_the_lease_may_have_ended() -> None:
    node = Borrower()
    node.come()
    node.lender.lent[0]([5, 0, 0])
    node.is_certain = False
    assert node.come() == 2
    assert node.lender.asked[1:] == [(1, 10, 1)]


async def test_what_redis_cannot_answer_is_refused_and_garbage_is_passed_over() -> None:
    node = Borrower()
    node.come()
    node.come()
    for data in (b"", b"x", b"-1", b"9" * 17):
        assert node.loans.on_message(RECALLS, data)
    assert not node.loans.on_message(b"another", b"1")
    node.lender.failed[0](UnusableValue("a value"))
    assert node.answers == {1: "refused", 2: "refused"}
    assert node.come() == 3
    assert node.lender.asked[1:] == [(0, 10, 1)]
    assert node.lender.told == []


async def scripts_run(server: RedisServer) -> int:
    async with server.client() as redis:
        return int((await redis.info("commandstats"))["cmdstat_evalsha"]["calls"])


async def admitted(node: BusNode, limit: int) -> bool:
    return await resolve(node.bus.admit(APP, limit))


async def test_redis_is_asked_a_few_times_for_very_many(server: RedisServer) -> None:
    cluster = RedisCluster(server, lease_s=60)
    nodes = [await cluster.node() for _ in range(2)]
    before = await scripts_run(server)
    for number in range(1000):
        assert await admitted(nodes[number % 2], 1000)
    asked = await scripts_run(server) - before
    assert not await admitted(nodes[0], 1000)
    assert asked < 60
    await cluster.close()


async def test_what_is_lent_to_the_dead_comes_back_with_their_lease(server: RedisServer) -> None:
    cluster = RedisCluster(server)
    here, there = await cluster.node(), await cluster.node()
    assert await admitted(there, 100)
    assert await admitted(here, 100)
    lent = there.bus._link._session.loans._loans[APP].places
    assert lent > 20
    await cluster.kill(there)
    granted = [await admitted(here, 100) for _ in range(101 - lent)]
    assert sum(granted) == 99 - lent, "no more than is not lent"
    async with asyncio.timeout(DEADLINE_S):
        while not await admitted(here, 100):
            await asyncio.sleep(0.02)
    assert sum([await admitted(here, 100) for _ in range(lent + 5)]) == lent - 1
    await cluster.close()


async def test_nobody_waits_for_ever_for_a_node_that_stands_still(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_loans, "RECALL_WAIT_MS", 100)
    cluster = RedisCluster(server, lease_s=60)
    here, there = await cluster.node(), await cluster.node()
    assert await admitted(there, 10)
    loans = there.bus._link._session.loans
    lent = loans._loans[APP].places
    assert lent > 1
    missed: list[bytes] = []
    with monkeypatch.context() as patched:
        patched.setattr(loans, "on_message", lambda channel, data: not missed.append(data))  # type: ignore[func-returns-value]
        while await admitted(here, 10):
            pass
        assert not await admitted(here, 10)
    assert here.bus.local_view.connections(APP) == 10 - lent
    assert len(missed) == 1
    loans.on_message(RECALLS, missed[0])  # it goes on
    await there.until(lambda: loans._loans[APP].places == 1)
    assert sum([await admitted(here, 10) for _ in range(20)]) == lent - 1
    await cluster.close()


async def test_a_new_session_knows_what_is_taken(server: RedisServer) -> None:
    cluster = RedisCluster(server, lease_s=60)
    here, there = await cluster.node(), await cluster.node()
    assert await admitted(here, None)  # type: ignore[arg-type]
    for _ in range(5):
        assert await admitted(here, 10)
    session = here.bus._link._session
    await server.kill()
    await here.until(lambda: here.bus.degraded)
    here.bus.release(APP)
    await server.start()
    await here.until(lambda: here.bus._link._session is not session and not here.bus.degraded)
    await there.until(lambda: not there.bus.degraded)
    assert sum([await admitted(there, 10) for _ in range(8)]) == 5
    assert here.bus._link._memory.connections == {APP: 5}
    await cluster.close()
