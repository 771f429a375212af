"""All that a busy server and its commands print, grepped for every secret that they know: at the level debug, with the
messages, the access log, a Redis with a password, webhooks with one in their URL, and all kinds of wrong requests."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from revurb import App
from revurb.observe.log_messages import LOG_MESSAGES
from tests.client import BINARY, Client, Refused, channel_auth, connect, http, signed
from tests.conftest import Need
from tests.redis_server import free_port
from tests.webhooks.receiver import Receiver, receiving

APP = App(id="shop", key="shop-key", secret="hush-app-secret")
WRONG = App(id="shop", key="shop-key", secret="hush-wrong-secret")
SECRETS = ("hush-", "c2VjcmV0")  # each secret begins so; the second in base64, as Basic authorization has it
PATIENCE_S = 30.0


@contextlib.contextmanager
def redis_with_password(program: str, folder: Path, port: int) -> Iterator[None]:
    process = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--requirepass", "hush-redis", "--save", "",
         "--dir", str(folder)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        process.kill()
        process.wait()


def configure(folder: Path, redis_port: int, webhook_port: int, **options: str) -> dict[str, str]:
    (folder / "revurb.toml").write_text(
        f'[[apps]]\nid = "{APP.id}"\nkey = "{APP.key}"\nsecret_env = "SHOP_SECRET"\n'
        "[[apps.webhooks]]\n"
        f'url = "http://127.0.0.1:{webhook_port}/hook?token=hush-query"\n'
        'headers = { Authorization = "Basic c2VjcmV0OmhlYWRlcg==", X-Token = "hush-header" }\n'
    )
    return {
        "PATH": os.environ["PATH"],
        "SHOP_SECRET": APP.secret,
        "REVURB_RUNTIME_DIR": str(folder),
        "REVURB_LOG_LEVEL": "debug",
        "REVURB_ACCESS_LOG": "all",
        "REVURB_DEBUG_MESSAGES": "true",
        "REVURB_TRUSTED_PROXIES": "127.0.0.1",
        "REVURB_BAN_AFTER": "1000",
        "REVURB_WEBHOOKS_ALLOW_PRIVATE": "true",
        "REVURB_WEBHOOKS_SMOOTHING": "0",
        "REVERB_SCALING_ENABLED": "true",
        "REDIS_URL": f"redis://default:hush-redis@127.0.0.1:{redis_port}/0",
        "REVERB_SERVER_HOST": "127.0.0.1",
        **options,
    }


@contextlib.contextmanager
def served(folder: Path, environment: Mapping[str, str], *arguments: str) -> Iterator[tuple[int, Path]]:
    """A server, and the file of what it prints."""
    output = folder / "output"
    with output.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "revurb", "serve", "--port", "0", *arguments],
            cwd=folder, env=environment, stdout=stream, stderr=stream,
        )  # fmt: skip
    try:
        deadline, found = time.monotonic() + PATIENCE_S, None
        while found is None:
            assert process.poll() is None, output.read_text()
            assert time.monotonic() < deadline, output.read_text()
            time.sleep(0.02)
            found = re.search(r'(?:listening on \S+?:|"listening".*?"port":)(\d+)', output.read_text())
        yield int(found[1]), output
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


async def be_busy(port: int) -> list[str]:
    """Do all that makes lines. Returns the signatures that were sent."""
    sent: list[str] = []

    def sign(app: App, method: str, path: str, body: bytes = b"") -> str:
        target = signed(app, method, path, body)
        sent.append(target.rpartition("auth_signature=")[2])
        return target

    proxied = [
        ("X-Forwarded-For", "192.0.2.7"),
        ("Authorization", "Bearer hush-bearer"),
        ("Cookie", "id=hush-cookie"),
    ]
    async with connect(port, APP.key, headers=proxied) as client:
        await client.subscribe("private-a", APP)
        await client.subscribe("presence-a", APP, {"user_id": "7", "user_info": {"name": "Ann"}})
        await client.sign_in(APP, "7")
        sent.append(channel_auth(APP, client.socket_id, "private-a").partition(":")[2])
        await refuse_much(client, sent)
        event = json.dumps(
            {"name": "e", "channel": "private-a", "data": "{}", "idempotency_key": "k"}
        ).encode()
        for method, path, body in (
            ("POST", "/apps/shop/events", event),
            ("POST", "/apps/shop/events", event),
            ("POST", "/apps/shop/events", b'{"name":'),
            ("POST", "/apps/shop/batch_events", b'{"batch":[{"name":"e"}]}'),
            ("GET", "/apps/shop/channels", b""),
            ("GET", "/apps/shop/channels/presence-a/users", b""),
            ("GET", "/apps/nowhere/channels", b""),
            ("POST", "/apps/shop/users/8/terminate_connections", b"{}"),
            ("PUT", "/apps/shop/events", b""),
            ("GET", "/apps/shop/elsewhere", b""),
        ):
            for app in (APP, WRONG):
                async with http(port) as connection:
                    await connection.request(method, sign(app, method, path, body), body, proxied)
    for raw in (b"\x16\x03\x01hush-tls", b"GET /?q=hush-query HTTP/9\r\n\r\n", b"hush-nonsense\r\n\r\n"):
        async with http(port) as connection:
            await connection.send_bytes(raw)
            with contextlib.suppress(ConnectionError):
                await connection.response()
    async with connect(port, "nope", greet=False, headers=proxied) as client:
        await client.closed()
    with contextlib.suppress(Refused):
        async with connect(port, APP.key, headers=[("Sec-WebSocket-Key", "hush-key")]):
            pass
    async with connect(port, APP.key) as client:
        await client.send_bytes(b"\xff" * 20)
        await client.closed()
    return sent


async def refuse_much(client: Client, sent: list[str]) -> None:
    for app in (WRONG, App(id="shop", key="other", secret="hush-other")):
        auth = channel_auth(app, client.socket_id, "private-b")
        sent.append(auth.partition(":")[2])
        await client.send({"event": "pusher:subscribe", "data": {"channel": "private-b", "auth": auth}})
    data = WRONG.authenticate_user(client.socket_id, {"id": "8"})
    sent.append(data["auth"].partition(":")[2])
    await client.send({"event": "pusher:signin", "data": data})
    await client.send({"event": "client-e", "channel": "private-a", "data": {"n": 1}})
    await client.send_frame(BINARY, b"\xff")
    await client.send("nonsense")
    await client.flushed()


def command(folder: Path, environment: Mapping[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "revurb", *arguments], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    return done.stdout.decode()


@pytest.mark.parametrize("form", ["plain", "json"])
def test_nothing_that_is_printed_has_a_secret_in_it(need: Need, tmp_path: Path, form: str) -> None:
    program, redis_port = need("redis-server"), free_port()
    printed: list[str] = []

    async def main() -> list[str]:
        async with receiving(Receiver(answer=500)) as receiver:
            environment = configure(tmp_path, redis_port, receiver.port, REVURB_LOG_FORMAT=form)
            with served(tmp_path, environment, "--workers", "2") as (port, output):
                sent = await asyncio.wait_for(be_busy(port), PATIENCE_S)
                async with asyncio.timeout(PATIENCE_S):
                    while not receiver.requests:
                        await asyncio.sleep(0.01)
                for arguments in (
                    ("config", "show"), ("config", "show", "--json"), ("config", "check"), ("doctor",), ("status",),
                    ("status", "--json"), ("status", "--cluster"), ("webhooks", "test"), ("log-level", "debug"),
                    ("trigger", "a", "e", "{}", "--url", f"http://127.0.0.1:{port}"), ("health",), ("listen", "--help"),
                    ("restart",),
                ):  # fmt: skip
                    printed.append(await asyncio.to_thread(command, tmp_path, environment, *arguments))
                broken = environment | {
                    "REDIS_URL": "redis://default:hush-redis@127.0.0.1:x/0",
                    "REVURB_BAN_AFTER": "0",
                }
                for arguments in (("config", "check"), ("serve", "--port", "0"), ("doctor",)):
                    printed.append(await asyncio.to_thread(command, tmp_path, broken, *arguments))
            printed.append(output.read_text())
            return sent

    with redis_with_password(program, tmp_path, redis_port):
        sent = asyncio.run(main())
    text = "\n".join(printed)
    assert len(sent) > 20
    assert len(printed[-1].splitlines()) > 50
    for secret in (*SECRETS, *sent):
        lines = [line for line in text.splitlines() if secret in line and "hush-nonsense" not in line]
        assert lines == [], secret
    if form == "json":
        are_listed(printed[-1])


def are_listed(output: str) -> None:
    """Each line is JSON; and of the log one of the messages that are listed, with fields that are."""
    listed = [(text, message) for messages in LOG_MESSAGES.values() for text, message in messages.items()]
    for line in output.splitlines():
        entry = json.loads(line)
        if str(entry.get("logger", "")).startswith("revurb"):
            (message,) = [
                message
                for text, message in listed
                if re.fullmatch(re.escape(text).replace("%s", ".*"), entry["message"])
            ]
            assert entry["level"] in message.levels.split(), entry
            ours = {"time", "level", "logger", "message", "worker", "exception"}
            assert entry.keys() - ours <= set(message.fields.split()), entry
