"""What a node keeps for the console, and from when on. Its answers: `tests/inspection/test_console_desk.py`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from revurb import App
from revurb.apps import AppProvider
from revurb.bus.local import LocalBus
from revurb.config import DEV_APP, config_of
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.node.node import Node
from revurb.pusher.ports import Receiver
from tests.client import connect

APP = App(id="1", key="k", secret="s")


class CutOff(LocalBus):
    """Gets no answers to surveys, as a bus whose broker is away."""

    degraded = "redis disconnected"

    def __init__(self, receiver: Receiver) -> None:
        super().__init__(receiver, MEMBER_EVENTS)

    def survey(self, question: bytes, deadline_s: float) -> list[bytes]:
        return []


@contextlib.asynccontextmanager
async def running(node: Node) -> AsyncIterator[Node]:
    await node.start()
    try:
        yield node
    finally:
        await node.stop(drain_timeout_s=0)


async def ask(node: Node, name: str, **question: Any) -> Any:
    status, answer = await node.console.ask(name, json.dumps(question).encode())
    assert status == 200, answer
    return json.loads(answer)


async def rows(node: Node) -> Sequence[Any]:
    (process,) = (await ask(node, "figures"))["processes"]
    return list(process["samples"])


async def test_with_an_admin_listener_everything_is_there_when_somebody_looks() -> None:
    async with running(Node(config_of({"server.port": 0, "admin.port": 0}, (APP,)))) as node:
        logging.getLogger("revurb.node").warning("trouble")
        assert [line["what"] for line in (await ask(node, "troubles"))["lines"]] == ["trouble"]
        assert len(await rows(node)) == 1


async def test_without_one_from_the_first_question_on() -> None:
    """As it comes over the bus from the listener of another host."""
    handlers = list(logging.getLogger("revurb").handlers)
    async with running(Node(config_of({"server.port": 0}, (APP,)))) as node:
        assert logging.getLogger("revurb").handlers == handlers
        assert await rows(node) == []
        node.console.tick(asyncio.get_running_loop().time())
        assert len(await rows(node)) == 1
    assert logging.getLogger("revurb").handlers == handlers


async def test_nothing_is_tapped_until_somebody_asks_and_after_the_end() -> None:
    node = Node(config_of({"server.port": 0, "admin.port": 0}, (APP,)))
    async with running(node):
        await ask(node, "figures")
        assert "send" not in vars(node._trigger)
        await ask(node, "events", app="1")
        assert "send" in vars(node._trigger)
    assert "send" not in vars(node._trigger)


async def test_a_node_that_is_cut_off_tells_of_itself() -> None:
    async with running(Node(config_of({"server.port": 0}, (APP,)), None, CutOff)) as node:
        assert (await ask(node, "overview"))["degraded"] == "redis disconnected"
        assert len((await ask(node, "figures"))["processes"]) == 1
        async with connect(node.port, APP.key) as client:
            await client.subscribe("a")
            channels = await ask(node, "channels", app="1")
        assert [channel["name"] for channel in channels["channels"]] == ["a"]


async def test_of_a_provider_the_apps_in_use_are_shown() -> None:
    class Provider(AppProvider):
        def find_by_id(self, app_id: str) -> Awaitable[App | None]:
            return self._find(app_id == APP.id)

        def find_by_key(self, key: str) -> Awaitable[App | None]:
            return self._find(key == APP.key)

        async def _find(self, is_known: bool) -> App | None:
            return APP if is_known else None

        def all(self) -> Sequence[App]:
            raise NotImplementedError("it may take long")

    async with running(Node(config_of({"server.port": 0}, ()), Provider())) as node:
        overview = await ask(node, "overview")
        assert (overview["apps"], overview["apps_are_whole"]) == ([], False)
        async with connect(node.port, APP.key):
            assert (await ask(node, "overview"))["apps"] == [{"id": "1", "key": "k"}]
        assert (await ask(node, "channel", app="1", channel="a"))["occupied"] is False
        assert (await node.console.ask("channel", b'{"app":"2","channel":"a"}'))[0] == 404


@pytest.mark.parametrize(
    ("token", "app", "status"),
    [("geheim", APP, 200), (None, APP, 403), (None, DEV_APP, 200), (None, replace(DEV_APP, secret="x"), 403)],
)
async def test_without_a_token_nothing_is_done_for_an_app_with_a_secret(
    token: str | None, app: App, status: int
) -> None:
    """A program on this host that can be made to send a request could publish by that."""
    values = {"server.port": 0, "server.host": "127.0.0.1", "admin.port": 0, "admin.token": token}
    async with running(Node(config_of(values, (app,)))) as node:
        for name, question in (
            ("publish", {"channels": ["a"], "event": "e", "data": "x"}),
            ("authorize", {"socket_id": "1.2", "channel": "private-a"}),
            ("end", {"user_id": "7"}),
        ):
            answer = await node.console.ask(name, json.dumps({"app": app.id, **question}).encode())
            assert answer[0] == status
            assert (b"REVURB_ADMIN_TOKEN" in answer[1]) == (status == 403)
        assert (await node.console.ask("channel", json.dumps({"app": app.id, "channel": "a"}).encode()))[
            0
        ] == 200


async def test_a_fault_is_logged_and_told_without_details(caplog: Any) -> None:
    async with running(Node(config_of({"server.port": 0}, (APP,)))) as node:

        def fail(app_id: str, channels: object) -> Any:
            raise RuntimeError("password=hush")

        setattr(node._bus, "describe", fail)  # noqa: B010
        status, answer = await node.console.ask("channel", b'{"app":"1","channel":"a"}')
        assert (status, b"hush" in answer) == (500, False)
        assert "console question failed" in caplog.messages


async def test_answers_of_other_versions_are_left_out() -> None:
    class Mixed(CutOff):
        def survey(self, question: bytes, deadline_s: float) -> list[bytes]:
            return [b"", b"nonsense", b'{"process":"old/1"}', b'{"process":7,"name":"x","samples":[]}']

    async with running(Node(config_of({"server.port": 0}, (APP,)), None, Mixed)) as node:
        assert len((await ask(node, "figures"))["processes"]) == 1
        assert (await ask(node, "troubles"))["lines"] == []
