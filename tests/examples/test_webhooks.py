"""The receivers of examples/webhooks: each runs as its README says, and gets requests as a node makes them."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from revurb import App
from revurb.apps import WebhookTarget
from revurb.config import Config, ServerConfig
from revurb.config.webhook_sending import WebhooksConfig
from revurb.node.node import Node
from revurb.pusher.facts import Fact
from tests.client import connect
from tests.conftest import Need
from tests.webhook_requests import ALL_FACTS, fact, webhook_request

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "webhooks"
LARAVEL = Path("/usr/share/php/Illuminate/Routing/autoload.php")  # Debian's php-illuminate-routing
APP = App(id="1", key="the-key", secret="the-secret")
START_S = 30.0


class Receiver:
    """An example that listens on `port`."""

    def __init__(self, port: int) -> None:
        self.port = port

    def call(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            text = answer.read()
        return answer.status, json.loads(text) if answer.status == 200 else None

    def post(self, told: list[Fact], request_id: str, **changed: str) -> tuple[int, Any]:
        headers, body = webhook_request(APP, told, request_id)
        return self.call("POST", "/webhooks", {**headers, **changed}, body)

    @property
    def picture(self) -> Any:
        return self.call("GET", "/picture")[1]


def fastapi(need: Need, path: Path, port: int) -> tuple[list[str], dict[str, str]]:
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "fastapi_app:app",
        "--port",
        str(port),
        "--log-level",
        "warning",
    ]
    return command, {}


def express(need: Need, path: Path, port: int) -> tuple[list[str], dict[str, str]]:
    modules = ROOT / "tests" / "e2e" / "node_modules"
    if not (modules / "express").exists():
        missing("express is not installed in tests/e2e")
    return [need("node"), "express_app.js"], {"PORT": str(port), "NODE_PATH": str(modules)}


def laravel(need: Need, path: Path, port: int) -> tuple[list[str], dict[str, str]]:
    if not LARAVEL.exists():
        missing("Laravel's packages (php-illuminate-routing and others) are not installed")
    script = str(ROOT / "tests" / "examples" / "laravel" / "server.php")
    return [need("php"), "-S", f"127.0.0.1:{port}", script], {"CACHE": str(path)}


def missing(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"{reason}; in CI nothing may be missing")
    pytest.skip(reason)


Example = Callable[[Need, Path, int], tuple[list[str], dict[str, str]]]


@pytest.fixture(params=[fastapi, express, laravel], ids=["fastapi", "express", "laravel"])
def receiver(request: pytest.FixtureRequest, need: Need, tmp_path: Path) -> Iterator[Receiver]:
    example: Example = request.param
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command, environ = example(need, tmp_path, port)
    environ |= {"REVERB_APP_KEY": APP.key, "REVERB_APP_SECRET": APP.secret}
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=FOLDER, env={**os.environ, **environ}, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        wait_for(port, process, log)
        yield Receiver(port)
    finally:
        process.kill()
        process.wait()


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)


def test_a_receiver_has_the_picture_that_it_was_told(receiver: Receiver) -> None:
    assert receiver.picture == {"occupied": [], "members": {}}
    room = "presence-é room"
    first = [
        fact("channel_occupied", room),
        fact("member_added", room, user_id="7"),
        fact("member_added", room, user_id="8"),
        fact("channel_occupied", "orders"),
    ]
    assert receiver.post(first, "1") == (200, {"status": "ok"})
    assert receiver.picture == {"occupied": ["orders", room], "members": {room: ["7", "8"]}}
    second = [fact("member_removed", room, user_id="7"), fact("channel_vacated", "orders")]
    assert receiver.post(second, "2") == (200, {"status": "ok"})
    now = {"occupied": [room], "members": {room: ["8"]}}
    assert receiver.picture == now
    # The first one again, which would bring back what has gone, and then what is no news.
    assert receiver.post(first, "1") == (200, {"status": "repeated"})
    assert receiver.post(second, "2") == (200, {"status": "repeated"})
    assert receiver.picture == now
    assert receiver.post([fact("member_removed", room, user_id="8")], "3") == (200, {"status": "ok"})
    assert receiver.picture == {"occupied": [room], "members": {}}
    assert receiver.post([fact("channel_vacated", room)], "4") == (200, {"status": "ok"})
    assert receiver.post(ALL_FACTS, "5") == (200, {"status": "ok"})
    assert receiver.picture == {"occupied": [], "members": {}}


def test_what_is_not_signed_is_refused_and_not_read(receiver: Receiver) -> None:
    events = [fact("channel_occupied", "orders")]
    for changed in (
        {"X-Pusher-Signature": APP.sign("{}")},
        {"X-Pusher-Signature": ""},
        {"X-Pusher-Signature": "é"},
        {"X-Pusher-Key": "another-key"},
        {"X-Pusher-Key": ""},
    ):
        assert receiver.post(events, "1", **changed) == (401, None), changed
    headers, body = webhook_request(APP, events, "1")
    for other in (body + b" ", body.replace(b"orders", b"secret"), b""):
        assert receiver.call("POST", "/webhooks", headers, other) == (401, None), other
    assert receiver.picture == {"occupied": [], "members": {}}
    assert receiver.post(events, "1") == (200, {"status": "ok"})  # its id was not used up
    assert receiver.picture["occupied"] == ["orders"]


async def test_a_node_tells_it_what_happens(receiver: Receiver) -> None:
    """Nobody makes the requests here but a node, and its clients are the truth."""
    target = WebhookTarget(url=f"http://127.0.0.1:{receiver.port}/webhooks", batch_ms=0)
    app = App(id="1", key=APP.key, secret=APP.secret, webhooks=(target,))
    config = Config(
        server=ServerConfig(host="127.0.0.1", port=0),
        webhooks=WebhooksConfig(allow_private=True, smoothing_s=0.1),
        apps=(app,),
    )

    async def pictured(expected: Any) -> None:
        async with asyncio.timeout(10):
            while (seen := await asyncio.to_thread(lambda: receiver.picture)) != expected:
                assert seen.keys() == expected.keys()
                await asyncio.sleep(0.02)

    node = Node(config)
    await node.start()
    try:
        async with connect(node.port, app.key) as one:
            await one.subscribe("orders")
            await one.subscribe("presence-room", app, {"user_id": 7})
            async with connect(node.port, app.key) as two:
                await two.subscribe("presence-room", app, {"user_id": "ann"})
                await pictured(
                    {"occupied": ["orders", "presence-room"], "members": {"presence-room": ["7", "ann"]}}
                )
            await one.send({"event": "pusher:unsubscribe", "data": {"channel": "orders"}})
            await pictured({"occupied": ["presence-room"], "members": {"presence-room": ["7"]}})
        await pictured({"occupied": [], "members": {}})
    finally:
        await node.stop(drain_timeout_s=1)
