"""Hooks that raise, hang or never end: no client, no other hook and no process is hurt."""

from __future__ import annotations

import asyncio
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from revurb import HookConnection, Refuse
from revurb.node import hook_runner
from tests.client import api, connect
from tests.node.hooked import APP, ROOM, WHISPER, asks, served, subscribed, until
from tests.processes.serving import serving


class Broken:
    """Fails in each way that there is."""

    def __init__(self) -> None:
        self.ended = 0

    def on_connect(self, connection: HookConnection) -> None:
        raise SystemExit(1)

    async def on_disconnect(self, connection: HookConnection) -> None:
        raise asyncio.CancelledError

    async def on_subscribe(self, connection: HookConnection, channel: str, channel_data: str | None) -> None:
        if channel == "raises":
            raise ValueError("hush-hush")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0.05)  # does not end when it is told to
            self.ended += 1

    def on_client_event(self, connection: HookConnection, channel: str, event: str, data: Any) -> object:
        return object()  # what JSON has not

    def on_message_received(self, connection: HookConnection, text: str) -> None:
        raise RecursionError

    def on_message_sent(self, app_id: str, channel: str, text: str, receivers: int) -> None:
        raise MemoryError


@pytest.mark.parametrize("on_failure", ["allow", "refuse"])
async def test_a_hook_that_fails_harms_nobody(on_failure: str, caplog: pytest.LogCaptureFixture) -> None:
    hooks = Broken()
    async with served(hooks, timeout_s=0.05, on_failure=on_failure) as node:
        async with connect(node.port, "key1") as one, connect(node.port, "key1") as two:
            for client in (one, two):
                for channel in ("raises", "hangs", ROOM):
                    await asks(client, channel)
                    if on_failure == "allow":
                        await client.expect("pusher_internal:subscription_succeeded", channel)
                    else:
                        assert await client.expect_error(4009) == hook_runner.FAILED
                        await client.expect("pusher:subscription_error", channel)
            if on_failure == "allow":
                await one.send({"event": WHISPER, "channel": ROOM, "data": "as it is"})
                assert (await two.expect(WHISPER, ROOM))["data"] == "as it is"
        await until(lambda: hooks.ended == 4)
        assert node.counters.hook_timeouts_total == 4
        assert node.counters.hook_failures_total >= 2 + 2 + 6
    lines = [record for record in caplog.records if record.message == "a hook has failed"]
    assert len(lines) == 5
    assert lines[0].__dict__["hook"] == "Broken.on_connect"
    assert re.search(r"test_failing_hooks\.py:\d+$", lines[0].__dict__["place"])


class OwnError(BaseException):
    """As libraries have, which is no Exception."""


class Wordless(Exception):
    def __str__(self) -> str:
        raise RuntimeError


class Leaving:
    """Raises what ends programs, at once or later."""

    def __init__(self) -> None:
        self.channels: list[str] = []

    def on_connect(self, connection: HookConnection) -> None:
        raise OwnError

    def on_disconnect(self, connection: HookConnection) -> None:
        raise Wordless

    async def on_subscribe(self, connection: HookConnection, channel: str, channel_data: str | None) -> None:
        self.channels.append(channel)
        await asyncio.sleep(0)
        if channel == "own":
            raise OwnError
        if channel == "refused":
            raise Refuse("no \ud83d")  # what json.loads makes of half an emoji
        raise SystemExit(1)

    def on_unsubscribe(self, connection: HookConnection, channel: str) -> None:
        raise GeneratorExit


async def test_what_ends_programs_ends_no_server() -> None:
    hooks = Leaving()
    async with served(hooks) as node:
        async with connect(node.port, "key1") as client:
            for channel in ("leaves", "own"):
                await subscribed(client, channel)
            await asks(client, "refused")
            assert await client.expect_error(4009) == "no ?"
            await client.expect("pusher:subscription_error", "refused")
            await client.send({"event": "pusher:unsubscribe", "data": {"channel": "own"}})
            assert (await api(node.port, APP, "GET", "/channels")).json()["channels"].keys() == {"leaves"}
        await until(lambda: node.connection_count == 0)
        answer = await api(node.port, APP, "GET", "/channels")
        assert answer.json() == {"channels": {}}
        assert node.counters.hook_failures_total == 5


STUBBORN = """
import asyncio


class Hooks:
    async def on_connect(self, connection):
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                pass
"""


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_hook_that_never_ends_does_not_keep_a_process(tmp_path: Path, workers: str) -> None:
    (tmp_path / "my_hooks.py").write_text(STUBBORN)
    environment = {"REVURB_HOOKS": "my_hooks:Hooks", "REVURB_HOOKS_TIMEOUT": "0.1"}

    async def use_it(port: int) -> None:
        async with connect(port, "key1") as client:
            await subscribed(client, "news")

    with serving(tmp_path, "--workers", workers, environment=environment) as server:
        asyncio.run(use_it(server.port))
        server.signal(signal.SIGTERM)
        assert server.ended() == 0
