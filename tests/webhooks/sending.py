"""A webhook sender for tests, and what it is waited for to have done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from revurb.apps import App, FixedApps
from revurb.webhooks.delivery_desk import SendingClock
from revurb.webhooks.sender import WebhookSender
from tests.webhooks.receiver import MemoryQueue, Receiver


@asynccontextmanager
async def sending(queue: MemoryQueue, *apps: App, **options: Any) -> AsyncIterator[WebhookSender]:
    """A sender that sends, with retries that do not wait."""
    options.setdefault("clock", SendingClock(sleep=lambda delay_s: asyncio.sleep(0)))
    sender = WebhookSender(FixedApps(apps), allow_private=True, **options)
    sender.start(queue)
    queue.begin(sender)
    try:
        yield sender
    finally:
        await sender.stop(0)


def is_quiet(queue: MemoryQueue) -> Callable[[], bool]:
    """Whether the bus has neither facts nor anything kept."""
    return lambda: not queue.facts and not queue.kept


def is_told(receiver: Receiver, count: int) -> Callable[[], bool]:
    """Whether a receiver has got so many events."""
    return lambda: len(receiver.events) >= count
