"""A simulated PHP Reverb node: it sends what was captured, reads strictly, and dies where a real one would."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from revurb.bus.redis.cancellation import cancel_and_wait
from tests.bus.reverb import php_model
from tests.redis_server import RedisServer

CAPTURES = Path(__file__).parent / "captures"
CHANNEL = "reverb"
WAIT_S = 5.0  # half of what a real node waits for answers


def captured(name: str) -> bytes:
    """What a PHP node published, byte for byte."""
    return (CAPTURES / f"{name}.json").read_bytes()


OLD_APPLICATION = (
    'O:26:"Laravel\\Reverb\\Application":7:{s:5:"\0*\0id";s:4:"app1";s:6:"\0*\0key";s:4:"key1";s:9:"\0*\0secret";'
    's:7:"secret1";s:15:"\0*\0pingInterval";i:60;s:17:"\0*\0allowedOrigins";a:1:{i:0;s:1:"*";}'
    's:17:"\0*\0maxMessageSize";i:10000;s:10:"\0*\0options";a:0:{}}'
)


def old_answer(key: bytes, payload: bytes) -> bytes:
    """An answer of a release up to 1.6.3."""
    application = json.dumps(OLD_APPLICATION).encode()
    return b'{"type":"metrics-retrieved","key":"%b","application":%b,"payload":%b}' % (
        key,
        application,
        payload,
    )


@dataclass
class Client:
    """A client of the PHP node: its channels, with its user id on each that is a presence channel."""

    channels: dict[str, str | None]
    got: list[dict[str, Any]] = field(default_factory=list)


class PhpNode:
    """`received` is everything that was published on the channel, the node's own messages included. `is_old` is of a
    release up to 1.6.3."""

    is_old = False

    def __init__(self, server: RedisServer, **clients: dict[str, str | None]) -> None:
        self.clients = {name.replace("_", "."): Client(channels) for name, channels in clients.items()}
        self.received: list[bytes] = []
        self.dead: php_model.Fatal | None = None
        self._redis: Redis = server.client()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self, *, pattern: bool = False) -> None:
        """With `pattern`, as a subscriber that Redis does not count as one of the channel."""
        self._pubsub: Any = self._redis.pubsub()
        await (self._pubsub.psubscribe if pattern else self._pubsub.subscribe)(CHANNEL)
        self._task = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        if self._task is not None:
            await cancel_and_wait(self._task)
            self._task = None
            await self._pubsub.aclose()
            await self._redis.aclose()

    @property
    def running(self) -> bool:
        return self._task is not None

    async def publish(self, data: bytes) -> int:
        return int(await self._redis.publish(CHANNEL, data))

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not condition():
                self._changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), 0.02)

    async def everything(self) -> None:
        """Wait until everything published so far has come."""
        number = len(self.received) % 100
        mark = b'{"type":"AAAAAAAA%02d","payload":[]}' % number
        if self.is_old:
            mark = old_answer(b"AAAAAAAA%02d" % number, b"[]")
        before = self.received.count(mark)
        await self.publish(mark)
        await self.until(lambda: self.received.count(mark) > before)

    async def question(self, request: bytes) -> tuple[int, list[Any]]:
        """Ask as a PHP node does: it waits for as many answers as PUBLISH reached subscribers. Returns how many those
        were, and all answers."""
        key = php_model.receive(request)["payload"]["key"]
        receivers = await self.publish(request)
        await self.until(lambda: len(self._answers(key)) >= receivers)
        await self.everything()
        return receivers, self._answers(key)

    async def old_question(self, kind: str, options: Any = ()) -> tuple[int, list[Any]]:
        """As `question`, as a node of a release up to 1.6.3 asks."""
        key = f"old{len(self.received):07}"
        question = {"type": "metrics", "key": key, "application": OLD_APPLICATION}
        payload = {"type": kind, "options": options}
        receivers = await self.publish(json.dumps({**question, "payload": payload}).encode())
        await self.until(lambda: len(self._old_answers(key)) >= receivers)
        await self.everything()
        return receivers, self._old_answers(key)

    def of_type(self, type: str) -> list[bytes]:
        return [data for data in self.received if json.loads(data)["type"] == type]

    def _answers(self, key: str) -> list[Any]:
        return [json.loads(data)["payload"] for data in self.of_type(key)]

    def _old_answers(self, key: str) -> list[Any]:
        answers = [json.loads(data) for data in self.of_type("metrics-retrieved")]
        return [answer["payload"] for answer in answers if answer["key"] == key]

    async def _listen(self) -> None:
        async for message in self._pubsub.listen():
            if message["type"] not in ("message", "pmessage"):
                continue
            data = message["data"]
            self.received.append(data)
            try:
                await self._handle((php_model.receive_as_old if self.is_old else php_model.receive)(data))
            except php_model.Fatal as error:
                self.dead = error
                return
            finally:
                self._changed.set()

    async def _handle(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "message":
                payload = message["payload"]
                names = payload.pop("channels", None) or [payload["channel"]]
                for name in names:
                    for socket_id, client in self.clients.items():
                        if name in client.channels and socket_id != message.get("socket_id"):
                            client.got.append({**payload, "channel": name})
            case "terminate":
                user_id = message["payload"]["user_id"]
                for socket_id, client in tuple(self.clients.items()):
                    if user_id in client.channels.values():
                        del self.clients[socket_id]
            case "metrics" if self.is_old:
                question = message["payload"]
                options = question["options"] or {}
                if isinstance(options.get("channels"), list):
                    options["channels"] = dict(enumerate(options["channels"]))
                answer = json.dumps(
                    self._metric(question["type"].upper(), {"filter": None, "info": None, **options})
                )
                await self.publish(old_answer(message["key"].encode(), answer.encode()))
            case "metrics":
                question = message["payload"]
                answer = self._metric(question["type"][1], question["options"])
                await self.publish(json.dumps({"type": question["key"], "payload": answer}).encode())

    def _metric(self, kind: str, options: dict[str, Any]) -> Any:
        if kind == "CONNECTIONS":
            return {socket_id: {} for socket_id in self.clients} or []
        if kind == "CHANNEL_USERS":
            return [{"id": user} for user in self._users(options["channel"])]
        if kind == "CHANNEL":
            return self._info(options["channel"], options["info"])
        names = {name: None for client in self.clients.values() for name in client.channels}
        if "channels" in options:
            return {name: self._info(name, options["info"]) for name in options["channels"].values()} or []
        prefix = options["filter"] or ""
        return {name: self._info(name, options["info"]) for name in names if name.startswith(prefix)} or []

    def _info(self, name: str, info: str | None) -> Any:
        wanted = (info or "").split(",")
        count = sum(name in client.channels for client in self.clients.values())
        answer: dict[str, Any] = {}
        if "occupied" in wanted:
            answer["occupied"] = count > 0
        if count and name.startswith("presence-") and "user_count" in wanted:
            answer["user_count"] = len(self._users(name))
        elif count and "subscription_count" in wanted:
            answer["subscription_count"] = count
        return answer or []

    def _users(self, name: str) -> list[str]:
        users = {client.channels.get(name): None for client in self.clients.values()}
        return [user for user in users if user is not None]


class OldPhpNode(PhpNode):
    """One of a release up to 1.6.3."""

    is_old = True
