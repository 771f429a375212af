"""Receivers of webhooks on loopback, and a bus's queue of facts in memory: what a sender needs around it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from revurb.apps import App, WebhookTarget
from revurb.pusher.facts import Fact, FactSender, QueuedFact

DEADLINE_S = 30.0
Answer = Callable[[web.Request], "web.StreamResponse | int"]


@dataclass
class ReceivedRequest:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def events(self) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = json.loads(self.body)["events"]
        return events

    @property
    def id(self) -> str:
        return self.headers["X-Revurb-Webhook-Id"]


@dataclass
class Receiver:
    """Notes each request, and answers with what `answers` gives for the next ones, then with `answer`."""

    port: int = 0
    requests: list[ReceivedRequest] = field(default_factory=list)
    answers: list[int | web.StreamResponse] = field(default_factory=list)
    answer: int = 200
    connections: int = 0
    hold: asyncio.Event | None = None  # requests are answered when it is set

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for request in self.requests for event in request.events]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.requests.append(ReceivedRequest(request.path_qs, dict(request.headers), body))
        if self.hold is not None:
            await self.hold.wait()
        answer = self.answers.pop(0) if self.answers else self.answer
        return web.Response(status=answer, text="ok") if isinstance(answer, int) else answer


@asynccontextmanager
async def receiving(receiver: Receiver | None = None) -> AsyncIterator[Receiver]:
    """A receiver while it runs."""
    receiver = receiver or Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.port = runner.addresses[0][1]
    try:
        yield receiver
    finally:
        if receiver.hold is not None:
            receiver.hold.set()
        await runner.cleanup()


class MemoryQueue:
    """A bus's queue: facts until they are done, and what is kept. Hands both to one sender after the other."""

    def __init__(self) -> None:
        self.facts: dict[str, QueuedFact] = {}
        self.kept: dict[str, bytes] = {}
        self.sender: FactSender | None = None
        self._number = 0
        self.failing = 0  # so many calls of `keep` raise

    def begin(self, sender: FactSender) -> None:
        """Another sender takes over, at once."""
        if self.sender is not None and self.sender is not sender:
            self.sender.end()
        self.sender = sender
        sender.begin(dict(self.kept))
        if self.facts:
            sender.take(list(self.facts.values()))

    def tell(self, *facts: Fact) -> None:
        """New facts."""
        queued = []
        for fact in facts:
            self._number += 1
            queued.append(QueuedFact(f"f{self._number}", fact))
        self.facts.update((each.id, each) for each in queued)
        if self.sender is not None:
            self.sender.take(queued)

    def want(self, app_id: str, wanted: int) -> None: ...

    async def leave(self, timeout_s: float) -> bool:
        return False

    def done(self, ids: Sequence[str]) -> None:
        for fact_id in ids:
            del self.facts[fact_id]  # each is done once

    async def keep(self, name: str, value: bytes | None) -> None:
        await asyncio.sleep(0)
        if self.failing:
            self.failing -= 1
            raise asyncio.CancelledError if self.failing % 2 else OSError("the bus is gone")
        if value is None:
            self.kept.pop(name, None)
        else:
            self.kept[name] = value


def occupied(channel: str, app_id: str = "1") -> Fact:
    """A fact that is never held back."""
    return Fact("channel_occupied", app_id, channel, 1_700_000_000_000)


def app_with(*targets: str | WebhookTarget, app_id: str = "1") -> App:
    """An app with targets; a text is the URL of one that takes everything, without waiting for a batch."""
    webhooks = [
        WebhookTarget(url=target, batch_ms=0) if isinstance(target, str) else target for target in targets
    ]
    return App(id=app_id, key=f"key-{app_id}", secret="the-secret", webhooks=tuple(webhooks))


async def until(condition: Callable[[], object], what: str = "what was waited for has not come") -> None:
    """Wait for `condition`."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.005)
    assert condition(), what
