"""Hooks on a node: what they are told, what they may refuse and change, and that none can hurt."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import revurb
from revurb import App, HookConnection, Refuse
from revurb.node import hook_runner
from tests.client import PATIENCE_S, api, channel_auth, connect
from tests.node.hooked import APP, ROOM, WHISPER, asks, served, subscribed, until
from tests.processes.serving import serving

DOCS = Path(__file__).parents[2] / "docs" / "hooks.md"


class Recorder:
    """Notes all that it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        raise AttributeError(name)

    def on_connect(self, connection: HookConnection) -> None:
        self.told.append(("connect", connection.app_id, connection.origin))

    def on_disconnect(self, connection: HookConnection) -> None:
        self.told.append(("disconnect", connection.user_id))

    async def on_sign_in(self, connection: HookConnection) -> None:
        self.told.append(("sign_in", connection.user_id))

    def on_unsubscribe(self, connection: HookConnection, channel: str) -> None:
        self.told.append(("unsubscribe", channel))

    def on_channel_created(self, app_id: str, channel: str) -> None:
        self.told.append(("created", app_id, channel))

    def on_channel_removed(self, app_id: str, channel: str) -> None:
        self.told.append(("removed", app_id, channel))

    def on_message_sent(self, app_id: str, channel: str, text: str, receivers: int) -> None:
        self.told.append(("sent", channel, text, receivers))

    def on_message_received(self, connection: HookConnection, text: str) -> None:
        self.told.append(("received", text))


async def test_what_hooks_are_told() -> None:
    recorder = Recorder()
    async with served(recorder) as node:
        async with connect(node.port, "key1", headers=[("Origin", "https://a.example")]) as client:
            await subscribed(client, "news")
            await api(node.port, APP, "POST", "/events", {"name": "e", "channel": "news", "data": "x"})
            await client.expect("e")
            await client.send({"event": "pusher:unsubscribe", "data": {"channel": "news"}})
            signed = APP.authenticate_user(client.socket_id, {"id": "7"})
            await client.send({"event": "pusher:signin", "data": signed})
            await client.expect("pusher:signin_success")
        await until(lambda: recorder.told[-1] == ("disconnect", "7"))
    received = [each for each in recorder.told if each[0] == "received"]
    assert len(received) == 3
    assert '"pusher:subscribe"' in received[0][1]
    assert [each for each in recorder.told if each[0] != "received"] == [
        ("connect", "1", "https://a.example"),
        ("created", "1", "news"),
        ("sent", "news", '{"event":"e","data":"x","channel":"news"}', 1),
        ("removed", "1", "news"),
        ("unsubscribe", "news"),
        ("sign_in", "7"),
        ("disconnect", "7"),
    ]


async def test_one_of_so_many_messages_is_told() -> None:
    recorder = Recorder()
    async with served(recorder, sample=10) as node, connect(node.port, "key1") as client:
        for _ in range(25):
            await client.send({"event": "pusher:ping"})
            await client.expect("pusher:pong")
        assert [each[0] for each in recorder.told] == ["connect", "received", "received"]


class Strict:
    """Refuses in each way that there is."""

    def on_subscribe(self, connection: HookConnection, channel: str, channel_data: str | None) -> bool | None:
        if channel == "closed":
            raise Refuse("This room is closed")
        return channel != "full"

    async def on_client_event(self, connection: HookConnection, channel: str, event: str, data: Any) -> Any:
        await asyncio.sleep(0)
        if data == "bad":
            raise Refuse("Not here")
        return {"was": data} if data == "change" else None


async def test_refusing_and_changing() -> None:
    async with served(Strict()) as node, connect(node.port, "key1") as one, connect(node.port, "key1") as two:
        for channel, reason in (("closed", "This room is closed"), ("full", "Subscription refused")):
            await asks(one, channel)
            assert await one.expect_error(4009) == reason
            refused = await one.expect("pusher:subscription_error", channel)
            assert '"status":403' in str(refused["data"])
        await subscribed(one, ROOM)
        await subscribed(two, ROOM)
        for data in ("good", "bad", "change", "last"):
            await one.send({"event": WHISPER, "channel": ROOM, "data": data})
        assert await one.expect_error(4301) == "Not here"
        heard = [(await two.expect(WHISPER, ROOM))["data"] for _ in range(3)]
        assert heard == ["good", {"was": "change"}, "last"]
        assert node.counters.hook_refusals_total == 3


class Waiting:
    """Answers when the test says so."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.asked: list[str] = []

    async def on_subscribe(self, connection: HookConnection, channel: str, channel_data: str | None) -> None:
        self.asked.append(channel)
        await self.gate.wait()

    async def on_client_event(self, connection: HookConnection, channel: str, event: str, data: Any) -> None:
        self.asked.append(str(data))
        await self.gate.wait()


async def test_messages_about_the_channel_wait_in_their_order_and_others_do_not() -> None:
    hooks = Waiting()
    async with served(hooks, timeout_s=PATIENCE_S) as node, connect(node.port, "key1") as one:
        await asks(one, ROOM)
        await one.send({"event": WHISPER, "channel": ROOM, "data": "1"})
        await one.send({"event": WHISPER, "channel": ROOM, "data": "2"})
        await one.send({"event": "pusher:unsubscribe", "data": {"channel": ROOM}})
        await one.send({"event": "pusher:ping"})
        await one.expect("pusher:pong")
        assert hooks.asked == [ROOM]
        hooks.gate.set()
        await one.expect("pusher_internal:subscription_succeeded", ROOM)
        await until(lambda: hooks.asked == [ROOM, "1", "2"])
        await one.expect_silence()
        answer = await api(node.port, APP, "GET", "/channels")
        assert answer.json() == {"channels": {}}


async def test_a_client_that_leaves_while_a_hook_is_asked_leaves_nothing() -> None:
    hooks = Waiting()
    async with served(hooks, timeout_s=PATIENCE_S) as node:
        async with connect(node.port, "key1") as client:
            await asks(client, "news")
            await until(lambda: hooks.asked == ["news"])
        await until(lambda: node.connection_count == 0)
        hooks.gate.set()
        async with connect(node.port, "key1") as other:
            await subscribed(other, "other")
            assert list((await api(node.port, APP, "GET", "/channels")).json()["channels"]) == ["other"]


async def test_no_more_than_so_many_are_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook_runner, "MAX_RUNNING", 2)
    hooks = Waiting()
    async with served(hooks, timeout_s=PATIENCE_S) as node, connect(node.port, "key1") as client:
        for channel in ("a", "b", "c"):
            await asks(client, channel)
        await client.expect("pusher_internal:subscription_succeeded", "c")  # which nobody was asked about
        assert node.counters.hook_timeouts_total == 1
        hooks.gate.set()
        for channel in ("a", "b"):
            await client.expect("pusher_internal:subscription_succeeded", channel)


async def test_several_are_asked_in_turn() -> None:
    class Marks:
        def __init__(self, mark: str) -> None:
            self.mark = mark
            self.asked = 0

        def on_client_event(self, connection: HookConnection, channel: str, event: str, data: Any) -> Any:
            self.asked += 1
            if data == "stop":
                raise Refuse("stopped")
            return data + self.mark

    first, second = Marks("1"), Marks("2")
    async with (
        served(first, second) as node,
        connect(node.port, "key1") as one,
        connect(node.port, "key1") as two,
    ):
        await subscribed(one, ROOM)
        await subscribed(two, ROOM)
        await one.send({"event": WHISPER, "channel": ROOM, "data": "x"})
        assert (await two.expect(WHISPER, ROOM))["data"] == "x12"
        await one.send({"event": WHISPER, "channel": ROOM, "data": "stop"})
        await one.expect_error(4301)
        assert (first.asked, second.asked) == (2, 1)


async def test_the_example_of_the_documentation() -> None:
    code = re.search(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert code is not None
    names: dict[str, Any] = {}
    exec(code[1], names)
    hooks = names["Hooks"]()
    async with (
        revurb.Server(apps=[APP], port=0, hooks=hooks) as server,
        connect(server.port, "key1") as one,
        connect(server.port, "key1") as two,
    ):
        assert hooks.connections == 2
        await asks(one, "private-archived-1")
        assert await one.expect_error(4009) == "This room is closed"
        await one.expect("pusher:subscription_error")
        await subscribed(one, ROOM)
        await subscribed(two, ROOM)
        await one.send({"event": WHISPER, "channel": ROOM, "data": {"text": "darn it"}})
        assert (await two.expect(WHISPER, ROOM))["data"] == {"text": "**** it"}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_hooks_of_a_served_process(tmp_path: Path, workers: str) -> None:
    code = re.search(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert code is not None
    (tmp_path / "my_hooks.py").write_text(code[1])
    environment = {"REVURB_HOOKS": "my_hooks:Hooks"}

    async def use_it(port: int) -> None:
        for _ in range(4):
            async with connect(port, "key1") as client:
                auth = channel_auth(
                    App(id="1", key="key1", secret="secret1"), client.socket_id, "private-archived-1"
                )
                data = {"channel": "private-archived-1", "auth": auth}
                await client.send({"event": "pusher:subscribe", "data": data})
                assert await client.expect_error(4009) == "This room is closed"

    with serving(tmp_path, "--workers", workers, environment=environment) as server:
        asyncio.run(use_it(server.port))
        server.said("subscription refused by a hook")
