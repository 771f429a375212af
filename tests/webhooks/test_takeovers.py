"""Senders that die at any point, one after the other: with the ids of requests that come twice, each target has every
event once and in order."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict

import pytest
from aiohttp import web

from revurb.apps import App, FixedApps, WebhookTarget
from revurb.pusher.facts import CLIENT_EVENT, Fact
from revurb.webhooks.delivery_desk import SendingClock
from revurb.webhooks.kept_request import decode_kept
from revurb.webhooks.sender import WebhookSender
from tests.webhooks.receiver import MemoryQueue, Receiver, receiving, until

CHANNELS = 5
ROUNDS = 120


class FlakyReceiver(Receiver):
    """Fails at random, before or after it has taken a request; takes each id once."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.chance = chance
        self.taken: dict[str, list[str]] = defaultdict(list)
        self.ids: set[str] = set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        await super().handle(request)
        received = self.requests[-1]
        await asyncio.sleep(self.chance.random() * 0.002)
        what = self.chance.random()
        if what < 0.2:
            return web.Response(status=503)
        if received.id not in self.ids:
            self.ids.add(received.id)
            for event in received.events:
                self.taken[event["channel"]].append(event["event"])
        return web.Response(status=500 if what < 0.4 else 200)  # as if the answer were lost


def begin(app: App, queue: MemoryQueue, chance: random.Random) -> WebhookSender:
    clock = SendingClock(sleep=lambda delay_s: asyncio.sleep(chance.random() * 0.002))
    sender = WebhookSender(FixedApps([app]), allow_private=True, clock=clock)
    sender.start(queue)
    queue.begin(sender)
    return sender


def is_under_way(value: bytes) -> bool:
    request = decode_kept(value)
    return request is None or request.body is not None


@pytest.mark.parametrize("seed", range(6))
async def test_each_target_has_every_event_once_and_in_order(seed: int) -> None:
    chance = random.Random(seed)
    queue, senders = MemoryQueue(), []
    async with receiving(FlakyReceiver(chance)) as one, receiving(FlakyReceiver(chance)) as two:
        app = App(
            id="1",
            key="k",
            secret="s",
            webhooks=(
                WebhookTarget(url=one.url, batch_ms=0),
                WebhookTarget(url=two.url, batch_ms=2),
                WebhookTarget(url=f"{two.url}/cached", events=("cache_miss",)),
            ),
        )
        senders.append(begin(app, queue, chance))
        told: dict[str, list[str]] = defaultdict(list)
        for number in range(ROUNDS):
            channel = f"private-{chance.randrange(CHANNELS)}"
            told[channel].append(f"client-{number}")
            queue.tell(
                Fact(CLIENT_EVENT, "1", channel, 0, event=f"client-{number}", data="{}", socket_id="1.1")
            )
            await asyncio.sleep(chance.random() * 0.004)
            if chance.random() < 0.15:
                senders.append(begin(app, queue, chance))  # the one before is dead
        # What was kept of facts that were done already is forgotten later.
        await until(lambda: not queue.facts and not any(map(is_under_way, queue.kept.values())))
        for sender in senders:
            await sender.stop(0)
    assert isinstance(one, FlakyReceiver)
    assert isinstance(two, FlakyReceiver)
    assert len(senders) > 5
    assert one.taken == two.taken == told
    assert len(one.requests) > len(one.ids)
