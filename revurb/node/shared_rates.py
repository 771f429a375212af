"""The budgets of apps that all processes share: `max_publishes_per_second` and its like.

Nobody is asked about a request. Each process has a share of a budget, as a bucket of its own. Once a second, while it
uses one, it asks all processes how much they are wanted for (a survey), and what the others do not use is its own: so
an app whose requests all come to one process has its whole budget there. If they want more than there is, each gets its
part of it. Until it has heard of others, a process takes its host's workers for all there are.

The shares follow what happens within a second; while they do, an app may have up to twice its budget.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

import msgspec

from revurb.pusher.ports import MaybeAwaitable
from revurb.pusher.rates import RatedKind, TokenBucket

QUESTION = b"rates:"
INTERVAL_S = 1.0
INTERVAL_OF_EACH_S = 0.02  # for each process: with 500 of them, each asks every 10 s
DEADLINE_S = 0.5
MAX_BUDGETS = 10_000
MAX_LIMIT = 10**15  # what is more is no limit, and might be no number that a float has
COLD = 0.01  # a second: what is used less is not used

_Key = tuple[str, RatedKind]


class Surveyor(Protocol):
    """What is asked of the bus."""

    def survey(self, question: bytes, deadline_s: float) -> MaybeAwaitable[Sequence[bytes]]: ...


class _Budget:
    """`limit` of all, and this process's bucket. What is wanted of it fades within seconds."""

    __slots__ = ("_heat", "_heat_at", "bucket", "limit")

    def __init__(self, limit: int, share: float, now: float) -> None:
        self.limit = limit
        self.bucket = TokenBucket(share, now)
        self._heat, self._heat_at = 0.0, now

    def want(self, count: int, now: float) -> None:
        self._heat = self._of_late(now) + count
        self._heat_at = now

    def wanted(self, now: float) -> float:
        """A second, of late; and a debt, which is paid from what there is for all."""
        return max(self._of_late(now), self.bucket.debt(now))

    def _of_late(self, now: float) -> float:
        return self._heat * math.exp(self._heat_at - now)


class SharedRates:
    """A node's part of the budgets: a `pusher.rates.Rates`. `processes` are those that are known from the start."""

    def __init__(self, processes: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        self._processes = processes
        self._clock = clock
        self._budgets: dict[_Key, _Budget] = {}
        self._asking: asyncio.Future[Sequence[bytes]] | None = None
        self._next_at = 0.0

    def take(self, app_id: str, kind: RatedKind, limit: int, count: int = 1) -> float:
        """As `Rates.take`."""
        now, key, limit = self._clock(), (app_id, kind), min(limit, MAX_LIMIT)
        budget = self._budgets.get(key)
        if budget is None or budget.limit != limit:
            budget = self._budgets[key] = _Budget(limit, limit / self._processes, now)
            self._next_at = 0.0
            if len(self._budgets) > MAX_BUDGETS:
                del self._budgets[next(iter(self._budgets))]
        budget.want(count, now)
        wait_s = budget.bucket.take(count, now)
        if not wait_s:
            return 0.0
        # With a small share of its own it would be ages, and the share is another one as soon as it is set again: no
        # longer than that, or than the whole budget takes.
        return min(wait_s, max(wait_s * budget.bucket.rate / limit, self._next_at - now, INTERVAL_S))

    def answerer(self, otherwise: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
        """The function that answers the surveys of the bus; `otherwise` answers other questions."""

        def answer(question: bytes) -> bytes:
            if not question.startswith(QUESTION):
                return otherwise(question)
            try:
                keys = msgspec.json.decode(question[len(QUESTION) :], type=list[_Key])
            except (msgspec.MsgspecError, ValueError, RecursionError):
                return b""
            return msgspec.json.encode(self._wanted(keys[:MAX_BUDGETS]))

        return answer

    def _wanted(self, keys: Iterable[_Key]) -> list[float]:
        now = self._clock()
        budgets = (self._budgets.get(key) for key in keys)
        return [0.0 if budget is None else round(budget.wanted(now), 3) for budget in budgets]

    def on_tick(self, bus: Surveyor) -> None:
        """To be called a few times a second: ask the others, if that is due."""
        if not self._budgets:
            return
        now = self._clock()
        if now < self._next_at or self._asking is not None:
            return
        self._next_at = now + max(INTERVAL_S, INTERVAL_OF_EACH_S * self._processes)
        keys = [
            key
            for key, budget in self._budgets.items()
            if budget.wanted(now) > COLD or not budget.bucket.is_full(now)  # else a debt would be forgotten
        ]
        self._budgets = {key: self._budgets[key] for key in keys}
        if not keys:
            return
        answers = bus.survey(QUESTION + msgspec.json.encode(keys), DEADLINE_S)
        if not isinstance(answers, Awaitable):
            self._share(keys, answers)
            return
        self._asking = asyncio.ensure_future(answers)
        self._asking.add_done_callback(lambda done: self._answered(keys, done))

    def stop(self) -> None:
        if self._asking is not None:
            self._asking.cancel()

    def _answered(self, keys: list[_Key], done: asyncio.Future[Sequence[bytes]]) -> None:
        self._asking = None
        if not done.cancelled() and done.exception() is None:
            self._share(keys, done.result())

    def _share(self, keys: list[_Key], answers: Sequence[bytes]) -> None:
        """Set the shares by what all processes want, this one included."""
        wanted = list(filter(None, (_read(answer, len(keys)) for answer in answers)))
        if not wanted:  # not even this one has answered: the bus is away, and who is there is not known
            return
        self._processes = len(wanted)
        for number, (key, own) in enumerate(zip(keys, self._wanted(keys), strict=True)):
            budget = self._budgets.get(key)
            if budget is not None:
                budget.bucket.rate = share_of(budget.limit, own, [of_one[number] for of_one in wanted])


def share_of(limit: int, own: float, of_all: Sequence[float]) -> float:
    """The share of who wants `own`, where all want `of_all`: what is left over is shared by those that want any; what
    is too little, by how much they want."""
    own, total = max(own, COLD), max(sum(of_all), own, COLD)
    if total > limit:
        return limit * own / total
    return own + (limit - total) / max(1, sum(wanted > COLD for wanted in of_all))


def _read(answer: bytes, count: int) -> list[float] | None:
    """What a process wants of each budget; None for one of a version that does not know the question."""
    try:
        wanted = msgspec.json.decode(answer, type=list[float])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return wanted if len(wanted) == count and all(each >= 0 for each in wanted) else None
