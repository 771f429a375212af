"""The programs of docs/fastapi.md, docs/django.md, docs/node.md and docs/python.md, on a real node."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import revurb
from revurb.testing import RevurbNode
from tests.docs.snippets import ROOT, snippets
from tests.node_program import node_program as node_program

SHIPPED = {"id": 7}


def programs(page: str, language: str) -> list[str]:
    return [snippet.text for snippet in snippets(ROOT / "docs" / page) if snippet.language == language]


def test_fastapi_with_a_server_in_the_same_program() -> None:
    names: dict[str, Any] = {}
    exec(programs("fastapi.md", "python")[0].replace("port=8080", "port=0"), names)

    async def ship() -> None:
        async with names["lifespan"](names["app"]):
            app = revurb.App(id="1", key="key1", secret="secret1")
            async with revurb.Client(names["server"].ws_url, auth=app) as client:
                channel = await client.subscribe("private-orders")
                assert await names["ship"](7) == SHIPPED
                event = await anext(aiter(channel))
                assert (event.event, event.json()) == ("order.shipped", SHIPPED)

    asyncio.run(ship())


def test_fastapi_with_a_server_elsewhere(revurb_node: RevurbNode, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in revurb_node.environment.items():
        monkeypatch.setenv(name, value)
    names: dict[str, Any] = {}
    exec(programs("fastapi.md", "python")[1], names)
    names["ship"](7)
    revurb_node.published("order.shipped", channel="private-orders", data=SHIPPED)


def test_django(revurb_node: RevurbNode, tmp_path: Path) -> None:
    """In a process of its own: Django has one configuration in each."""
    publish, authorize = programs("django.md", "python")
    socket_id = revurb_node.client.socket_id
    (tmp_path / "application.py").write_text(
        "from django.conf import settings\n"
        f"settings.configure(REVERB_APP_ID={revurb_node.app_id!r}, REVERB_APP_KEY={revurb_node.key!r}, "
        f"REVERB_APP_SECRET={revurb_node.secret!r}, DEFAULT_CHARSET='utf-8')\n"
        f"{publish.replace('port=8080', f'port={revurb_node.port}')}\nship(7)\n{authorize}\n"
        "class Request: POST = {'socket_id': " + repr(socket_id) + ", 'channel_name': 'private-orders'}\n"
        "print(authorize(Request()).content.decode())\n"
    )
    done = subprocess.run(
        [sys.executable, "application.py"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.startswith('{"auth": "key1:'), done.stderr
    revurb_node.published("order.shipped", channel="private-orders", data=SHIPPED)


def test_node(revurb_node: RevurbNode, tmp_path: Path, node_program: str) -> None:
    publish, listen = programs("node.md", "js")
    (tmp_path / "publish.js").write_text(publish)
    (tmp_path / "listen.js").write_text(listen)
    environment = {**os.environ, **revurb_node.environment, "NODE_PATH": str(ROOT / "tests/e2e/node_modules")}
    listening = subprocess.Popen(
        [node_program, "listen.js"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        done = subprocess.run(
            [node_program, "publish.js"],
            cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert done.stdout == "200\n", done.stderr
        revurb_node.published("order.shipped", channel="private-orders", data=SHIPPED)
        revurb_node.client.subscribe("orders")
        while revurb_node.channels()["orders"].subscription_count < 2:
            assert listening.poll() is None
        revurb_node.trigger("orders", "created", SHIPPED)
        assert listening.communicate(timeout=30)[0] == "created 7\n"
    finally:
        listening.kill()
        listening.wait()


def test_a_server_in_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    exec(programs("python.md", "python")[0], names)
    asyncio.run(names["main"]())
    assert capsys.readouterr().out.startswith("http://127.0.0.1:")
