"""What the deliveries to all targets share while this process sends: the bus's queue, the client, clocks and counters.

Rule: a request is kept before it is sent, and its facts are done before it is forgotten. A process that dies at any
point in between leaves a request that its successor repeats with the same id, never one that is lost.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from revurb.apps import App
from revurb.observe.counters import Counters
from revurb.observe.refusal_log import RefusalLog
from revurb.pusher.facts import FactQueue
from revurb.webhooks.dead_letters import DeadLetters, TargetHealth
from revurb.webhooks.fact_progress import FactProgress
from revurb.webhooks.kept_request import KeptRequest, encode_kept
from revurb.webhooks.retry_policy import Outcome

_log = logging.getLogger(__name__)

KEEP_AGAIN_S = 1.0  # where the bus could not keep something
Post = Callable[[str, bytes, Mapping[str, str], Mapping[str, str]], Awaitable[Outcome]]
"""Sends a request: URL, body, headers, headers of the target's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingClock:
    """Time and chance, as tests give them otherwise."""

    now: Callable[[], float] = time.monotonic
    now_s: Callable[[], float] = time.time  # since 1970
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return int(self.now_s() * 1000)


class DeliveryDesk:
    """Belongs to one turn of sending, and has no effect on the bus when that is over (`FactQueue`)."""

    def __init__(
        self,
        queue: FactQueue,
        post: Post,
        app_of: Callable[[str], App | None],
        *,
        clock: SendingClock,
        counters: Counters,
        dead_letters: DeadLetters,
        log: RefusalLog,
    ) -> None:
        self.progress = FactProgress()
        self.post = post
        self.app_of = app_of
        self.clock = clock
        self.counters = counters
        self.dead_letters = dead_letters
        self.health = TargetHealth(log)
        self._refusals = log
        self._queue = queue

    def report(self) -> None:
        """Tell the bus which facts are done."""
        progress = self.progress
        if progress.done:
            done, progress.done = progress.done, []
            self._queue.done(done)
        self.counters.webhook_facts_waiting = len(progress)

    async def keep(self, request: KeptRequest) -> None:
        """Returns when a successor would find the request, however long that takes."""
        value = encode_kept(request)
        while not await self._keep(request.name, value):
            await self.clock.sleep(KEEP_AGAIN_S)

    async def finish(self, request: KeptRequest) -> None:
        """The request is over: delivered, or given up."""
        left = self.progress.finish(request.target_id, request.fact_ids, request.name)
        self.report()
        if left:
            over = KeptRequest(
                request.request_id, request.app_id, request.target_id, request.first_try_ms, tuple(left), None
            )
            await self.keep(over)
        else:
            await self.forget([request.name])
        await self.forget_all()

    async def forget_all(self) -> None:
        """Forget what is not needed any more."""
        names, self.progress.forgettable = self.progress.forgettable, []
        await self.forget(names)

    async def forget(self, names: Sequence[str]) -> None:
        """What cannot be forgotten is repeated by a successor, with the same id."""
        for name in names:
            await self._keep(name, None)

    async def _keep(self, name: str, value: bytes | None) -> bool:
        try:
            kept = self._queue.keep(name, value)
            if kept is not None:
                await kept
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return False  # the bus has cancelled its answer, not this task
        except Exception as error:  # of the bus, which may have lost its broker
            if self._refusals.counts("webhook not kept"):
                _log.warning("webhook not kept", extra={"reason": f"{type(error).__name__}: {error}"})
            return False
        return True
