"""Delivers to one target: its queue becomes requests, one at a time and in order, each tried until it is over.

A target has a task only while something waits for it. Another target's trouble is in another task, and ends here with
the bounds of the queue.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable, Sequence

from revurb.webhooks.app_targets import TargetRoute
from revurb.webhooks.delivery_desk import DeliveryDesk
from revurb.webhooks.kept_request import KeptRequest
from revurb.webhooks.payload import body_of, headers_of
from revurb.webhooks.retry_policy import Outcome, RetrySchedule, Verdict
from revurb.webhooks.target_queue import TargetQueue, WaitingEvent

_log = logging.getLogger(__name__)

SLICE_EVENTS = 300  # that are dropped in one turn of the loop


class TargetDelivery:
    """The way of events to one target. `on_idle` is called when nothing waits any more."""

    def __init__(
        self,
        route: TargetRoute,
        desk: DeliveryDesk,
        queue: TargetQueue,
        on_idle: Callable[[TargetDelivery], object],
    ) -> None:
        self.route = route
        self.is_sending = False  # a request is on its way
        self.is_stopping = False  # no further request is begun
        self._desk = desk
        self._queue = queue
        self._on_idle = on_idle
        self._kept: deque[KeptRequest] = deque()
        self._current: KeptRequest | None = None  # until it is over
        self._tries = 0  # of that
        self._full = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def repeat(self, request: KeptRequest) -> None:
        """Send a request of an earlier sender, before all others."""
        self._kept.append(request)
        self._wake()

    def add(self, fact_id: str, event: bytes) -> None:
        """Send an event, after those before. Beyond the bound of the queue the oldest are given up."""
        self._queue.add(WaitingEvent(fact_id, event, self._desk.clock.now()))
        if self._queue.has_full_batch:
            self._full.set()
        self._drop(self._queue.take_too_many(SLICE_EVENTS), "more waits for the target than may")
        self._wake()

    @property
    def waiting_bytes(self) -> int:
        """About how much memory the events take that wait for the target."""
        return self._queue.waiting_bytes

    def drop_oldest(self) -> None:
        """Give up an eighth of what waits, as the targets together have more than they may."""
        some = min(SLICE_EVENTS, 1 + len(self._queue) // 8)
        self._drop(self._queue.take_oldest(some), "more waits for all targets than may")

    def drop_old(self) -> bool:
        """Give up what has waited for too long. Whether there may be more of it."""
        old = self._queue.take_too_old(self._desk.clock.now(), SLICE_EVENTS)
        self._drop(old, "has waited for the target for too long")
        return len(old) == SLICE_EVENTS

    def give_up(self, reason: str) -> None:
        """Give up all that is left: nobody will send it."""
        for request in (*((self._current,) if self._current else ()), *self._kept):
            self._give_up(request, reason)
        self._current = None
        self._kept.clear()
        while events := self._queue.take_batch():
            self._drop(events, reason)

    def cancel(self) -> None:
        """End at once. What is on its way may be delivered or not."""
        if self.task is not None:
            self.task.cancel()

    def _drop(self, events: Sequence[WaitingEvent], reason: str) -> None:
        if not events:
            return
        self._desk.dead_letters.events(self.route, [event.event for event in events], reason)
        self._desk.progress.finish(self.route.id, [event.fact_id for event in events])
        self._desk.report()

    def _wake(self) -> None:
        if self.task is None and not self.is_stopping:
            self.task = asyncio.get_running_loop().create_task(self._run())
            self.task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.task = None
        self.is_sending = False
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a webhook could not be sent", exc_info=error)
        if not task.cancelled() and (self._kept or self._queue):
            self._wake()
        else:
            self._on_idle(self)

    async def _run(self) -> None:
        while not self.is_stopping:
            if self._kept:
                request: KeptRequest | None = self._kept.popleft()
            else:
                request = await self._next_request()
            if request is None:
                return
            await self._deliver(request)

    async def _next_request(self) -> KeptRequest | None:
        """The next of the queue, kept and ready to be sent; None if there is nothing."""
        oldest_at = self._queue.oldest_at
        if oldest_at is None:
            return None
        due_s = oldest_at + self.route.target.batch_ms / 1000 - self._desk.clock.now()
        if due_s > 0 and not self._queue.has_full_batch:
            self._full.clear()
            try:
                async with asyncio.timeout(due_s):
                    await self._full.wait()
            except TimeoutError:
                pass
        if self.is_stopping:
            return None
        batch = self._queue.take_batch()
        if not batch:
            return None
        now_ms = self._desk.clock.now_ms()
        request = KeptRequest(
            request_id=secrets.token_hex(16),
            app_id=self.route.app_id,
            target_id=self.route.id,
            first_try_ms=now_ms,
            fact_ids=tuple(event.fact_id for event in batch),
            body=body_of([event.event for event in batch], now_ms),
        )
        await self._desk.keep(request)
        return request

    async def _deliver(self, request: KeptRequest) -> None:
        """Tries until the request is over, or the sender stops; then it is left to the next."""
        self._current = request
        self._tries = 0
        clock = self._desk.clock
        # Another process may have kept it, whose clock was ahead.
        schedule = RetrySchedule(min(request.first_try_ms / 1000, clock.now_s()), clock.jitter)
        while True:
            outcome = await self._try(request)
            if outcome.verdict is Verdict.DELIVERED:
                self._desk.health.worked(self.route)
                break
            self._desk.health.failed(self.route, outcome.reason)
            delay_s = schedule.delay_s(clock.now_s(), outcome.retry_after)
            if outcome.verdict is Verdict.GIVE_UP or delay_s is None:
                self._give_up(request, outcome.reason)
                break
            if self.is_stopping:
                return
            await clock.sleep(delay_s)
        self._current = None
        await self._desk.finish(request)

    async def _try(self, request: KeptRequest) -> Outcome:
        desk, target = self._desk, self.route.target
        app = desk.app_of(self.route.app_id)
        if app is None or request.body is None:
            return Outcome(Verdict.GIVE_UP, "there is no such app any more")
        self.is_sending = True
        self._tries += 1
        try:
            headers = headers_of(app, request.body, request.request_id)
            outcome = await desk.post(target.url, request.body, headers, target.headers)
        finally:
            self.is_sending = False
        desk.counters.webhook_requests_total += (
            1  # now that it is known which of both it is: neither may ever go down
        )
        if outcome.verdict is not Verdict.DELIVERED:
            desk.counters.webhook_failures_total += 1
        return outcome

    def _give_up(self, request: KeptRequest, reason: str) -> None:
        count, tries = len(request.fact_ids), self._tries if request is self._current else 0
        body = request.body or b""
        self._desk.dead_letters.request(self.route, request.request_id, body, count, reason, tries)
