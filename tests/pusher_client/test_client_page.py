"""The examples of docs/client.md run, on a real server, and type-check for users."""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pusher  # type: ignore[import-untyped]

from revurb import Client, Server
from revurb.pusher_client import AppAuth
from tests.architecture.imports import ROOT
from tests.e2e.auth_endpoint import auth_endpoint
from tests.pusher_client.collected import APP, PATIENCE_S, Collected

PAGE = (ROOT.parent / "docs/client.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@contextlib.asynccontextmanager
async def running(program: str) -> AsyncIterator[asyncio.StreamReader]:
    """The program; it has to end by itself, with 0 and without a word on standard error."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", "-W", "error", "-c", program),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield process.stdout
            _, errors = await process.communicate()
        assert errors.decode() == ""
        assert process.returncode == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def line(output: asyncio.StreamReader) -> str:
    return (await output.readline()).decode().rstrip("\n")


def on(server: Server, example: str) -> str:
    assert "ws://127.0.0.1:8080" in example
    return example.replace("ws://127.0.0.1:8080", server.ws_url)


def test_there_are_three() -> None:
    assert len(EXAMPLES) == 3


async def test_in_a_program_of_yours() -> None:
    async with Server(apps=[APP], port=0) as server, running(on(server, EXAMPLES[0])) as output:
        assert await line(output) == "subscribed"
        await server.trigger("private-orders", "order.shipped", {"id": 7})
        assert await line(output) == "shipped 7"


async def test_handlers_members_and_whispers() -> None:
    sdk = pusher.Pusher(APP.id, APP.key, APP.secret, host="127.0.0.1", ssl=False)
    async with Server(apps=[APP], port=0) as server, auth_endpoint(sdk) as endpoint:
        example = on(server, EXAMPLES[1]).replace("http://127.0.0.1:8000/auth", endpoint.url)
        example = example.replace("headers=", "params={'user': 'py'}, headers=")
        async with running(example) as output:
            assert await line(output) == "here are ['py'] and I am py"
            async with Client(server.ws_url, auth=AppAuth(APP, user={"id": "ann"})) as ann:
                room, seen = await ann.subscribe("presence-room"), Collected()
                room.bind("client-seen", seen)
                assert await line(output) == "hello ann"
                await room.trigger("client-typing", {"text": "hi"})
                assert await line(output) == "ann writes hi"
                assert [event.json() for event in await seen.count(1)] == [{"by": "python"}]
            assert (await line(output)) in ("closed", "goodbye ann")


async def test_users() -> None:
    async with Server(apps=[APP], port=0) as server, running(on(server, EXAMPLES[2])) as output:
        assert await line(output) == "signed in as 7"
        async with Client(server.ws_url, auth=AppAuth(APP, user={"id": "8"})) as other:
            await other.sign_in()
            assert await line(output) == "online ['8']"
        await server.trigger("#server-to-user-7", "note", {"text": "hello"})
        assert await line(output) == "note hello"


def test_examples_are_typed(tmp_path: Path) -> None:
    for number, example in enumerate(EXAMPLES):
        (tmp_path / f"example_{number}.py").write_text(example)
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--cache-dir",
        str(tmp_path / "cache"),
        str(tmp_path),
    ]
    result = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT.parent, timeout=110, check=False
    )
    assert result.stdout.startswith("Success"), result.stdout
