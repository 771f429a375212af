"""A churn of presence channels, and a receiver of webhooks that keeps a picture of who is where."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import OrderedDict
from collections.abc import AsyncIterator
from random import Random

from aiohttp import web

from revurb.apps import App
from tests.client import Client, Ended, channel_auth, connect

REQUEST_ID = "X-Revurb-Webhook-Id"
IDS_REMEMBERED = 100_000


class Receiver:
    """Fails a third of the requests: half of these after it has understood them. `members` are those of each channel,
    which is occupied if it is in there."""

    def __init__(self, app: App, random: Random) -> None:
        self._app = app
        self._random = random
        self._seen: OrderedDict[str, None] = OrderedDict()
        self.members: dict[str, set[str]] = {}
        self.events = self.requests = self.repeats = self.failed = 0
        self.port = 0
        self.problems: list[str] = []

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        application = web.Application(client_max_size=16 * 1024 * 1024)
        application.router.add_post("/hook", self._receive)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        try:
            yield
        finally:
            await runner.cleanup()

    async def _receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.requests += 1
        fails = self._random.random() < 1 / 3
        if fails and self._random.random() < 0.5:
            self.failed += 1
            return web.Response(status=503)
        assert request.headers["X-Pusher-Key"] == self._app.key
        if not self._app.signed(body.decode(), request.headers["X-Pusher-Signature"]):
            self.problems.append("a signature is wrong")
        id = request.headers[REQUEST_ID]
        if id in self._seen:
            self.repeats += 1
        else:
            self._seen[id] = None
            if len(self._seen) > IDS_REMEMBERED:
                self._seen.popitem(last=False)
            for event in json.loads(body)["events"]:
                self._apply(event)
        if fails:
            self.failed += 1
            return web.Response(status=500)
        return web.Response()

    def _apply(self, event: dict[str, str]) -> None:
        self.events += 1
        channel = event["channel"]
        match event["name"]:
            case "channel_occupied":
                self.members.setdefault(channel, set())
            case "channel_vacated":
                if self.members.pop(channel, set()):
                    self.problems.append(f"{channel} was vacated before its members were removed")
            case "member_added":
                if channel not in self.members:
                    self.problems.append(f"a member was added to {channel} before it was occupied")
                self.members.setdefault(channel, set()).add(event["user_id"])
            case "member_removed":
                self.members.get(channel, set()).discard(event["user_id"])
            case other:
                self.problems.append(f"{other} was not asked for")


class Visitor:
    """A user who goes from channel to channel, on whichever of the `ports` has a node, with `pause_s` in between.
    `changes` counts the facts that there should be at least: it comes alone to channels of its own, and to some that
    others are on."""

    def __init__(self, app: App, name: str, ports: list[int], random: Random, pause_s: float) -> None:
        self._pause_s = pause_s
        self._app = app
        self._name = name
        self._ports = ports
        self._random = random
        self.changes = 0
        self._stops = asyncio.Event()
        self.task = asyncio.create_task(self._visit())

    def stop(self) -> None:
        """Stay where it is."""
        self._stops.set()

    async def _visit(self) -> None:
        while True:
            port = self._random.choice(self._ports)
            with contextlib.suppress(Ended, OSError, TimeoutError):
                async with connect(port, self._app.key) as client:
                    await self._come_and_go(client)
                    await client.closed()  # it is held open
            await asyncio.sleep(0.05)

    async def _come_and_go(self, client: Client) -> None:
        joined: set[str] = set()
        own = [f"presence-{self._name}-{number}" for number in range(8)]
        while not self._stops.is_set():
            shared = self._random.random() < 0.1
            channel = f"presence-shared-{self._random.randrange(5)}" if shared else self._random.choice(own)
            if channel in joined:
                joined.discard(channel)
                await client.send({"event": "pusher:unsubscribe", "data": {"channel": channel}})
            else:
                joined.add(channel)
                data = json.dumps({"user_id": self._name})
                auth = channel_auth(self._app, client.socket_id, channel, data)
                await client.send(
                    {
                        "event": "pusher:subscribe",
                        "data": {"channel": channel, "auth": auth, "channel_data": data},
                    }
                )
                await self._confirmed(client, channel)
            self.changes += 1 if shared else 2
            await asyncio.sleep(self._pause_s)

    async def _confirmed(self, client: Client, channel: str) -> None:
        while True:
            message = await client.next_event()
            if message.get("channel") == channel and message["event"].endswith("subscription_succeeded"):
                return
