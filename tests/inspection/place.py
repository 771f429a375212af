"""Where the console is asked: a node, a server with workers, and one of two nodes on a real Redis, of which the other
has no admin listener. The servers of a kind are started once for a module.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from revurb import App
from tests.client import Client, api, connect, http
from tests.conftest import Need, Run
from tests.processes.serving import Serving, serving
from tests.redis_server import RedisServer
from tests.webhooks.receiver import Receiver, receiving

APP = App(id="1", key="key1", secret="secret1")
TOKEN = "token-of-the-admin"
HOOK_SECRET = "secret-of-the-hook"
PATIENCE_S = 15.0


@dataclass
class Place:
    """Where questions are asked, and where clients connect: at each port in turn."""

    kind: str
    admin_port: int
    ports: list[int]
    processes: int

    async def ask(self, name: str, status: int = 200, **question: Any) -> Any:
        """The answer, in which no secret is."""
        headers = [("Content-Type", "application/json"), ("Authorization", f"Bearer {TOKEN}")]
        async with http(self.admin_port) as connection:
            body = json.dumps(question).encode()
            answer = await connection.request("POST", f"/console/api/{name}", body, headers)
        assert answer.status == status, answer.text
        assert not any(secret in answer.text for secret in (APP.secret, TOKEN, HOOK_SECRET))
        return answer.json()

    async def until(self, condition: Callable[[Any], object], name: str, **question: Any) -> Any:
        """Ask until it is so."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition(answer := await self.ask(name, **question)):
                await asyncio.sleep(0.05)
            return answer

    @contextlib.asynccontextmanager
    async def clients(self, count: int) -> AsyncIterator[list[Client]]:
        async with contextlib.AsyncExitStack() as stack:
            ports = [self.ports[number % len(self.ports)] for number in range(count)]
            yield [await stack.enter_async_context(connect(port, APP.key)) for port in ports]

    async def publish(self, event: str, channel: str, data: str = "x") -> None:
        for port in self.ports:
            body = {"name": event, "channel": channel, "data": data}
            assert (await api(port, APP, "POST", "/events", body)).status == 200


def environment(receiver: Receiver, **more: str) -> dict[str, str]:
    return {
        "REVERB_APP_ID": APP.id,
        "REVERB_APP_KEY": APP.key,
        "REVERB_APP_SECRET": APP.secret,
        "REVURB_APP_HISTORY_CHANNELS": "kept-*",
        "REVURB_APP_WEBHOOK_URL": f"{receiver.url}?key={HOOK_SECRET}",
        "REVURB_WEBHOOKS_ALLOW_PRIVATE": "true",
        **more,
    }


@pytest.fixture(scope="module")
def receiver(run: Run) -> Iterator[Receiver]:
    """Wants no webhook."""
    open_receiver = receiving(Receiver(answer=403))
    yield run(open_receiver.__aenter__())
    run(open_receiver.__aexit__(None, None, None))


@pytest.fixture(scope="module", params=["node", "workers", "redis"])
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, receiver: Receiver, run: Run
) -> Iterator[Place]:
    kind, folder = request.param, tmp_path_factory.mktemp("console")
    given = environment(receiver, REVURB_ADMIN_PORT="0", REVURB_ADMIN_TOKEN=TOKEN)
    if kind == "redis":
        need: Need = request.getfixturevalue("need")
        yield from _on_redis(need("redis-server"), folder, given, receiver, run)
        return
    workers = () if kind == "node" else ("--workers", "2")
    with serving(folder, *workers, environment=given) as server:
        yield Place(kind, admin_port(server), [server.port], 1 if kind == "node" else 2)


def _on_redis(
    program: str, folder: Path, given: dict[str, str], receiver: Receiver, run: Run
) -> Iterator[Place]:
    redis = RedisServer(program, folder)
    run(redis.start())
    try:
        scaling = {"REVERB_SCALING_ENABLED": "true", "REDIS_URL": f"unix://{redis.socket}"}
        with (
            serving(folder, environment={**given, **scaling}) as one,
            serving(folder, environment=environment(receiver, **scaling)) as two,
        ):
            yield Place("redis", admin_port(one), [one.port, two.port], 2)
    finally:
        run(redis.kill())


def admin_port(server: Serving) -> int:
    return int(server.said(r"admin listener is ready host=\S+ port=(\d+)")[1])
