"""`revurb webhooks test`."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from aiohttp import web

from tests.cli.conftest import Project
from tests.webhooks.receiver import Receiver, receiving


@contextmanager
def receiver_in_thread() -> Iterator[Receiver]:
    """A receiver with a loop of its own, as the command runs one."""
    started, ended = threading.Event(), threading.Event()
    found: list[Receiver] = []

    async def serve() -> None:
        async with receiving() as receiver:
            found.append(receiver)
            started.set()
            while not ended.is_set():
                await asyncio.sleep(0.01)

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    assert started.wait(30)
    try:
        yield found[0]
    finally:
        ended.set()
        thread.join(30)


@pytest.fixture
def receiver(project: Project) -> Iterator[Receiver]:
    with receiver_in_thread() as receiver:
        project.add(REVURB_WEBHOOKS_ALLOW_PRIVATE="true")
        yield receiver


def test_the_same_for_programs(project: Project, receiver: Receiver) -> None:
    project.add(REVURB_APP_WEBHOOK_URL=f"{receiver.url}?token=hush")
    told = json.loads(project.run("webhooks", "test", "--json").stdout)
    assert told.pop("took_ms") >= 0
    assert told == {
        "app": "1", "event": "channel_occupied", "url": f"{receiver.url}?...", "is_delivered": True,
        "outcome": "answered 200", "address": "127.0.0.1", "body": "ok",
    }  # fmt: skip


def test_each_target_gets_a_request_and_what_came_back_is_printed(
    project: Project, receiver: Receiver
) -> None:
    project.add(REVURB_APP_WEBHOOK_URL=f"{receiver.url}?token=hush")
    result = project.run("webhooks", "test")
    assert (result.exit_code, result.stderr) == (0, "")
    line, body = result.stdout.splitlines()
    shown = f"app 1, channel_occupied to {receiver.url}?...: answered 200 from 127.0.0.1 after "
    assert line.startswith(shown)
    assert line.removeprefix(shown).removesuffix(" ms").isdigit()
    assert body == "  ok"
    assert receiver.events == [{"name": "channel_occupied", "channel": "revurb-webhooks-test"}]


def test_a_url_that_is_not_configured_and_another_event(project: Project, receiver: Receiver) -> None:
    receiver.answers = [web.Response(status=500, text="\x1b[31m" + "x" * 300)]
    result = project.run("webhooks", "test", "--url", receiver.url, "--event", "member_added", "--app", "1")
    assert result.exit_code == 1
    line, body = result.stdout.splitlines()
    assert "member_added" in line
    assert "answered 500" in line
    assert "\x1b" not in body
    assert body.endswith("x...")
    assert receiver.events[0]["user_id"] == "1"


def test_a_url_that_is_configured_is_tried_with_its_headers(project: Project, receiver: Receiver) -> None:
    (project.root / "revurb.toml").write_text(
        "\n".join(
            (
                '[[apps]]\nid = "two"\nkey = "two-key"\nsecret = "hush"',
                f'[[apps.webhooks]]\nurl = "{receiver.url}/1"\nevents = ["cache_miss"]\nheaders = {{ A = "b" }}',
                f'[[apps.webhooks]]\nurl = "{receiver.url}/2"',
            )
        )
    )
    assert project.run("webhooks", "test", "--app", "two", "--url", f"{receiver.url}/1").exit_code == 0
    (request,) = receiver.requests
    assert (request.path, request.headers["A"]) == ("/hook/1", "b")
    assert request.events[0]["name"] == "cache_miss"
    assert project.run("webhooks", "test").exit_code == 0
    assert [request.path for request in receiver.requests] == ["/hook/1", "/hook/1", "/hook/2"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "no webhooks are configured for app 1; give one with --url"),
        (("--event", "joined"), "--event: found 'joined'; allowed: channel_occupied, "),
        (("--url", "example.com"), "--url: found 'example.com'; allowed: http:// or https://"),
        (("--app", "7"), "--app: there is no app with the id '7'"),
    ],
)
def test_what_cannot_be_sent(project: Project, arguments: tuple[str, ...], problem: str) -> None:
    result = project.run("webhooks", "test", *arguments)
    assert result.exit_code == 2
    assert problem in result.stderr


def test_a_private_address_is_refused(project: Project) -> None:
    result = project.run("webhooks", "test", "--url", "http://127.0.0.1:1/")
    assert result.exit_code == 1
    assert "refused: 127.0.0.1, which is loopback; REVURB_WEBHOOKS_ALLOW_PRIVATE allows that" in result.stdout


def test_without_a_client(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revurb.cli.webhooks.has_http_client", lambda: False)
    result = project.run("webhooks", "test")
    assert result.exit_code == 1
    assert "pip install 'revurb[webhooks]'" in result.stderr
