"""One turn of sending, from `begin` to `end`: facts come from the bus, pass the smoothing, and go to their targets.

Facts may come by the thousand, so they are worked off in slices, with turns for others in between. All that is known
of them belongs to the turn, and is forgotten with it: another process is then the one that sends.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from revurb.pusher.facts import QueuedFact
from revurb.webhooks.app_targets import TargetRoute
from revurb.webhooks.delivery_desk import DeliveryDesk
from revurb.webhooks.kept_request import KeptRequest, decode_kept
from revurb.webhooks.payload import event_of
from revurb.webhooks.smoothing import Smoothing, fact_bytes
from revurb.webhooks.target_book import TargetBook
from revurb.webhooks.target_delivery import TargetDelivery
from revurb.webhooks.target_queue import TargetQueue

_log = logging.getLogger(__name__)

SLICE_FACTS = 300  # of which each takes about 10 us
TICK_S = 1.0
STOPPED = "the server has stopped"
QUEUES = 4  # that may be full at a time, of however many targets
ASK_AGAIN_S = 5.0  # where the app provider has failed


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingLimits:
    """`smoothing_s` as in `Smoothing`; what may wait for a target, and for how long. For all targets together
    QUEUES times as much may wait."""

    smoothing_s: float = 3.0
    max_queued_bytes: int = 67_108_864
    max_age_s: float = 600.0


class SendingTurn:
    """Sends until `end`. `kept` is what an earlier sender has kept."""

    def __init__(
        self, desk: DeliveryDesk, book: TargetBook, limits: SendingLimits, kept: Mapping[str, bytes]
    ) -> None:
        self._desk = desk
        self._book = book
        self._limits = limits
        self._smoothing = Smoothing(limits.smoothing_s, limits.max_queued_bytes)
        self._came: deque[QueuedFact] = deque()
        self._came_bytes = 0  # of those that came while the app provider was being asked
        self._released: deque[QueuedFact] = deque()  # by `flush`
        self._deliveries: dict[str, TargetDelivery] = {}
        self._loop = asyncio.get_running_loop()
        self._work: asyncio.Handle | None = None
        self._due: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = (
            set()
        )  # two at most: that of the begin or of a question, and `forget`
        self._is_asking = True
        self._is_stopping = False
        self._old_at: float | None = desk.clock.now() + limits.max_age_s
        self._tick = self._loop.call_later(TICK_S, self._on_tick)
        self._start(self._begin(kept))

    def take(self, facts: Sequence[QueuedFact]) -> None:
        """Facts from the bus, those of one channel in their order."""
        self._came.extend(facts)
        if self._is_asking:
            self._came_bytes += sum(map(fact_bytes, facts))
            self._bound_waiting()
        self._schedule()

    def flush(self) -> None:
        """Hold nothing back any more."""
        self._released.extend(self._smoothing.release_all())
        self._schedule()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is left to be sent."""
        return not (self._came or self._released or self._deliveries or self._smoothing.count)

    async def stop(self, timeout_s: float, *, is_last: bool) -> None:
        """Let the requests on their way come to an end. With `is_last` nobody sends after this process, so what waits
        is sent too, as far as `timeout_s` goes."""
        self._is_stopping = not is_last
        try:
            async with asyncio.timeout(timeout_s):
                if is_last:
                    self.flush()
                    await self._until_idle()
                else:
                    await self._until_answered()
        except TimeoutError:
            pass
        if is_last:
            self._give_up_rest()
        self._is_stopping = True

    def end(self) -> None:
        """Send nothing any more."""
        for handle in (self._work, self._due, self._tick):
            if handle is not None:
                handle.cancel()
        self._is_stopping = True
        for task in self._tasks:
            task.cancel()
        for delivery in list(self._deliveries.values()):
            delivery.is_stopping = True
            delivery.cancel()

    def _give_up_rest(self) -> None:
        """What nobody sends after this process are dead letters."""
        while (self._came or self._released) and not self._is_asking:
            self._work_off()
        if self._came:
            self._desk.dead_letters.unrouted(len(self._came), STOPPED)
        for delivery in list(self._deliveries.values()):
            delivery.is_stopping = True
            delivery.give_up(STOPPED)

    async def _until_idle(self) -> None:
        while not self.is_idle:
            await asyncio.sleep(0.01)

    async def _until_answered(self) -> None:
        for delivery in list(self._deliveries.values()):
            delivery.is_stopping = True
            if not delivery.is_sending:
                delivery.cancel()
        tasks = [delivery.task for delivery in self._deliveries.values() if delivery.task is not None]
        if tasks:
            await asyncio.wait(tasks)

    def _start(self, main: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(main)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("webhooks have failed", exc_info=error)

    async def _begin(self, kept: Mapping[str, bytes]) -> None:
        """Takes over what an earlier sender has kept. Facts wait meanwhile."""
        requests: list[KeptRequest] = []
        useless: list[str] = []
        for name, value in kept.items():
            request = decode_kept(value)
            if request is None or request.name != name:
                useless.append(name)
            else:
                requests.append(request)
        await self._ask([request.app_id for request in requests])
        self._is_asking = False
        self._came_bytes = 0
        for request in sorted(requests, key=lambda request: request.first_try_ms):
            route = self._route_of(request)
            if route is None:  # it is not configured any more
                useless.append(request.name)
                continue
            self._desk.progress.load(request)
            if request.body is not None:
                self._delivery(route).repeat(request)
        self._schedule()
        await self._desk.forget(useless)

    def _route_of(self, request: KeptRequest) -> TargetRoute | None:
        targets = self._book.find(request.app_id)
        routes = () if targets is None else targets.routes
        return next((route for route in routes if route.id == request.target_id), None)

    async def _ask(self, app_ids: Sequence[str]) -> None:
        """Asks the app provider until it answers."""
        while True:
            try:
                await self._book.ask(self._book.unknown(app_ids))
                return
            except Exception as error:  # the provider is the user's code
                _log.warning(
                    "the app provider has failed", extra={"reason": f"{type(error).__name__}: {error}"}
                )
                await self._desk.clock.sleep(ASK_AGAIN_S)

    async def _ask_and_go_on(self, app_ids: Sequence[str]) -> None:
        await self._ask(app_ids)
        self._is_asking = False
        self._came_bytes = 0
        self._schedule()

    def _bound_waiting(self) -> None:
        """Gives up the oldest facts while more wait for the app provider than may."""
        given_up: list[str] = []
        while self._came_bytes > self._limits.max_queued_bytes and self._came:
            queued = self._came.popleft()
            self._came_bytes -= fact_bytes(queued)
            given_up.append(queued.id)
        if given_up:
            self._desk.dead_letters.unrouted(len(given_up), "more waits for the app provider than may")
            self._desk.progress.close(given_up)
            self._desk.report()

    def _schedule(self) -> None:
        if self._work is None and not self._is_asking and not self._is_stopping:
            self._work = self._loop.call_soon(self._work_off)

    def _work_off(self) -> None:
        """One slice of what there is to do."""
        self._work = None
        now, now_ms = self._desk.clock.now(), self._desk.clock.now_ms()
        left = SLICE_FACTS
        while self._released and left:
            self._send(self._released.popleft())
            left -= 1
        left -= self._release(now, left)
        while self._came and left > 0 and self._knows_app(self._came[0]):
            left -= 1
            queued = self._came.popleft()
            if self._desk.progress.open(queued.id):
                was_sent = self._desk.progress.was_sent(queued.id)
                accepted = self._smoothing.accept(queued, now, now_ms, was_sent=was_sent)
                if accepted is not None:
                    self._send(accepted)
        self._release(now, max(left, 1))
        self._desk.progress.close(self._smoothing.vanished)
        self._smoothing.vanished.clear()
        self._bound_queues()
        self._desk.report()
        self._arm(now)

    def _bound_queues(self) -> None:
        """Gives up the oldest of the target that has most, while more waits for all than may: as much, at most, as this
        slice has added."""
        deliveries = self._deliveries.values()
        over = sum(each.waiting_bytes for each in deliveries) - QUEUES * self._limits.max_queued_bytes
        while over > 0:
            longest = max(deliveries, key=lambda each: each.waiting_bytes)
            before = longest.waiting_bytes
            longest.drop_oldest()
            over -= before - longest.waiting_bytes

    def _knows_app(self, queued: QueuedFact) -> bool:
        """Whether the app of a fact is known. If not, the provider is asked, for those behind it as well."""
        if not self._book.unknown((queued.fact.app_id,)):
            return True
        self._is_asking = True
        apps = dict.fromkeys(queued.fact.app_id for queued in list(self._came)[:SLICE_FACTS])
        self._start(self._ask_and_go_on(list(apps)))
        return False

    def _release(self, now: float, limit: int) -> int:
        released = self._smoothing.release(now, limit)
        for queued in released:
            self._send(queued)
        return len(released)

    def _send(self, queued: QueuedFact) -> None:
        """Hand a fact to the targets that want it."""
        fact = queued.fact
        targets = self._book.find(fact.app_id)
        routes = () if targets is None else targets.wanting(fact.kind, fact.channel)
        left = self._desk.progress.route(queued.id, [route.id for route in routes])
        if not left:
            return
        event = event_of(fact)
        for route in routes:
            if route.id in left:
                self._delivery(route).add(queued.id, event)

    def _arm(self, now: float) -> None:
        """Go on at once, or when something has waited long enough."""
        due = self._smoothing.next_due
        if self._came or self._released or self._smoothing.is_over or (due is not None and due <= now):
            self._schedule()
            return
        if self._due is not None:
            self._due.cancel()
            self._due = None
        if due is not None:
            self._due = self._loop.call_later(due - now, self._schedule)

    def _delivery(self, route: TargetRoute) -> TargetDelivery:
        delivery = self._deliveries.get(route.id)
        if delivery is None:
            queue = TargetQueue(self._limits.max_queued_bytes, self._limits.max_age_s)
            delivery = self._deliveries[route.id] = TargetDelivery(
                route, self._desk, queue, self._forget_idle
            )
            delivery.is_stopping = self._is_stopping
        delivery.route = route  # a provider may have changed its headers
        return delivery

    def _forget_idle(self, delivery: TargetDelivery) -> None:
        if self._deliveries.get(delivery.route.id) is delivery:
            del self._deliveries[delivery.route.id]

    def _on_tick(self) -> None:
        self._tick = self._loop.call_later(TICK_S, self._on_tick)
        more = [delivery.drop_old() for delivery in list(self._deliveries.values())]
        if any(more):
            self._tick.cancel()
            self._tick = self._loop.call_later(0, self._on_tick)
        if self._old_at is not None and self._desk.clock.now() >= self._old_at:
            self._old_at = None
            self._desk.progress.close_unclaimed()
        if self._desk.progress.forgettable and not self._is_asking and not self._tasks:
            self._start(self._desk.forget_all())
