"""The programs of docs/hooks.md, users.md, resume.md, browser.md and apps.md, on a real node."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pusher  # type: ignore[import-untyped]
import pytest

import revurb
from revurb.node.loop_thread import LoopThread
from revurb.pusher_client import ChannelRefused
from revurb.testing import RevurbNode
from revurb.testing.recording_node import RecordingNode
from tests.docs.snippets import ROOT, snippets
from tests.node_program import node_program as node_program


def programs(page: str, language: str) -> list[str]:
    return [snippet.text for snippet in snippets(ROOT / "docs" / page) if snippet.language == language]


@pytest.fixture(scope="module")
def node() -> Iterator[RevurbNode]:
    """With the hooks of docs/hooks.md, and history."""
    names: dict[str, Any] = {}
    exec(programs("hooks.md", "python")[0], names)
    app = revurb.App(
        id="1", key="app-key", secret="secret1", history=(revurb.HistoryRule(channels=("room-*",), size=100),)
    )
    recording = RecordingNode(app, {"hooks": names["Hooks"]()})
    thread = LoopThread(recording.start, recording.stop)
    thread.start()
    yield RevurbNode(recording, thread)
    thread.stop()


def test_hooks(node: RevurbNode) -> None:
    speaker, listener = node.connect(), node.connect()
    with pytest.raises(ChannelRefused, match="This room is closed"):
        speaker.subscribe("private-archived-1")
    for client in (speaker, listener):
        client.subscribe("private-chat")
    speaker.trigger("private-chat", "client-said", {"text": "darn it"})
    listener.received("client-said", data={"text": "**** it"})


def test_what_is_kept_is_read_in_python(node: RevurbNode) -> None:
    names: dict[str, Any] = {}
    exec(programs("resume.md", "python")[0], names)
    client = pusher.Pusher(
        app_id=node.app_id, key=node.key, secret=node.secret, host=node.host, port=node.port, ssl=False
    )
    for number in range(3):
        client.trigger("room-7", "said", {"number": number})
    found = names["kept_events"](client, "room-7", limit=2)
    assert [event["data"] for event in found["events"]] == ['{"number": 1}', '{"number": 2}']


PAGE = """
import EchoClient from 'laravel-echo';
import SDK from 'pusher';
import Pusher from 'pusher-js';
import express from 'express';
const { PUSHER_PORT: wsPort, PUSHER_APP_SECRET: secret } = process.env;
const there = { wsHost: '127.0.0.1', wsPort, forceTLS: false, cluster: '', enabledTransports: ['ws'] };
const api = express().use((request, _, next) => { request.user = { id: '7', friends: ['8'] }; next(); });
{
  const pusher = new SDK({ appId: '1', key: 'app-key', secret, host: '127.0.0.1', port: wsPort, useTLS: false });
  %(authorize)s
}
const listening = api.listen(0, '127.0.0.1', () => {
  const show = (ids) => console.log('online', ids.join());
  const hide = (ids) => console.log('offline', ids.join());
  %(sign_in)s
  %(watch)s
});
const loadAnew = (channel) => console.log('gap', channel ?? '');
const [key, options] = ['app-key', there];
{
  %(resume)s
  pusher.channel('room-1').bind('pusher:subscription_succeeded', () => console.log('joined'));
}
{
  const Echo = new EchoClient({ broadcaster: 'pusher', key, Pusher, ...there });
  %(echo)s
  Echo.channel('room-1').on('pusher:subscription_succeeded', () => console.log('joined'));
}
"""


def test_users_and_pages_that_resume(node: RevurbNode, tmp_path: Path, node_program: str) -> None:
    sign_in, authorize, watch = programs("users.md", "js")
    bundled, echo = programs("browser.md", "js")
    line, resume = bundled.split("\n", 1)
    module = (ROOT / "revurb" / "browser" / "resume.mjs").as_uri()
    there = 'wsHost: "ws.example.com", wsPort: 443, forceTLS: true, cluster: "",'
    assert there in sign_in
    sign_in = sign_in.replace(there, "...there,").replace(
        '"/pusher/user-auth"', "`http://127.0.0.1:${listening.address().port}/pusher/user-auth`"
    )
    parts = {"sign_in": sign_in, "authorize": authorize, "watch": watch, "resume": resume, "echo": echo}
    (tmp_path / "page.mjs").write_text(line.replace("revurb-resume", module) + PAGE % parts)
    (tmp_path / "node_modules").symlink_to(ROOT / "tests/e2e/node_modules")
    environment = {**os.environ, **node.environment}
    page = subprocess.Popen(
        [node_program, "page.mjs"],
        cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        assert page.stdout is not None
        assert sorted(page.stdout.readline() for _ in range(3)) == ["7\n", "joined\n", "joined\n"]
        node.trigger("#server-to-user-7", "message", {"text": "hi"})
        assert page.stdout.readline() == "for me { text: 'hi' }\n"
        friend = node.connect("8")
        friend.sign_in()
        assert page.stdout.readline() == "online 8\n"
        friend.close()
        assert page.stdout.readline() == "offline 8\n"
        assert node.channels("room-")["room-1"].subscription_count == 2
    finally:
        page.kill()
        page.communicate(timeout=10)


def test_an_app_in_a_table(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "REVURB_APP_DATABASE": "sqlite+aiosqlite:///apps.db"}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "revurb", *arguments],
            cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("apps", "init")
    run("apps", "add", "shop")
    with sqlite3.connect(tmp_path / "apps.db") as database:
        assert database.execute(programs("apps.md", "sql")[0]).rowcount == 1
    assert "shop" in run("apps", "list")
