"""The endpoints of examples/auth: what they answer lets a client in, or keeps it out, on a real node."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from revurb import App, Server
from tests.client import connect
from tests.node_program import node_program as node_program

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "auth"
APP = App(id="1", key="key1", secret="secret1")
Post = Callable[[str, dict[str, str], "str | None"], tuple[int, Any]]


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # Django looks its URLs up there
    spec.loader.exec_module(module)
    return module


def fastapi() -> Post:
    app = load("fastapi_app").app

    def post(path: str, form: dict[str, str], user: str | None) -> tuple[int, Any]:
        """One request over ASGI, as a server makes it; FastAPI's own test client changes its dependencies."""
        body, sent = urlencode(form).encode(), []
        headers = [(b"content-type", b"application/x-www-form-urlencoded")]
        if user is not None:
            headers.append((b"x-user", user.encode()))
        scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers}

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": body}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        # In a thread with a loop of its own, as the caller may be in one.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(lambda: asyncio.run(app(scope, receive, send))).result()
        status = sent[0]["status"]
        answer = b"".join(message.get("body", b"") for message in sent)
        return status, json.loads(answer) if status == 200 else None

    return post


def flask() -> Post:
    client = load("flask_app").app.test_client()

    def post(path: str, form: dict[str, str], user: str | None) -> tuple[int, Any]:
        answer = client.post(path, data=form, headers={} if user is None else {"X-User": user})
        return answer.status_code, answer.json if answer.status_code == 200 else None

    return post


def django() -> Post:
    load("django_app")
    from django.test import Client  # type: ignore[import-untyped]

    client = Client()

    def post(path: str, form: dict[str, str], user: str | None) -> tuple[int, Any]:
        answer = client.post(path, form, headers={} if user is None else {"X-User": user})
        return answer.status_code, answer.json() if answer.status_code == 200 else None

    return post


@contextmanager
def express(program: str) -> Iterator[Post]:
    environment = {**os.environ, "PORT": "0", "NODE_PATH": str(ROOT / "tests/e2e/node_modules")}
    process = subprocess.Popen(
        [program, "express_app.js"], cwd=FOLDER, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None

    def post(path: str, form: dict[str, str], user: str | None) -> tuple[int, Any]:
        body = urlencode(form).encode()
        request = Request(f"http://127.0.0.1:{port}{path}", body, {} if user is None else {"X-User": user})
        try:
            with urlopen(request, timeout=10) as response:
                return response.status, json.loads(response.read())
        except HTTPError as error:
            with error:
                return error.code, None

    try:
        port = process.stdout.readline().removeprefix("listening on ").strip()
        yield post
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module", params=["fastapi", "flask", "django", "express"])
def post(request: pytest.FixtureRequest) -> Iterator[Post]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("REVERB_APP_ID", "REVERB_APP_KEY", "REVERB_APP_SECRET"):
            patch.delenv(name, raising=False)
        if request.param == "express":
            with express(request.getfixturevalue("node_program")) as made:
                yield made
        else:
            yield {"fastapi": fastapi, "flask": flask, "django": django}[request.param]()


async def test_a_client_joins_with_the_answer(post: Post) -> None:
    async with Server(apps=[APP], port=0) as server, connect(server.port, "key1") as client:
        for channel in ("private-orders", "private-user-7", "presence-room"):
            form = {"socket_id": client.socket_id, "channel_name": channel}
            status, answer = post("/broadcasting/auth", form, "7")
            assert status == 200
            await client.send({"event": "pusher:subscribe", "data": {"channel": channel, **answer}})
            message = await client.expect("pusher_internal:subscription_succeeded", channel)
        assert json.loads(message["data"])["presence"]["hash"] == {"7": {"name": "User 7"}}
        assert await server.users("presence-room") == ["7"]


def test_a_user_is_signed(post: Post) -> None:
    status, answer = post("/broadcasting/user-auth", {"socket_id": "1.2"}, "7")
    assert (status, json.loads(answer["user_data"])) == (200, {"id": "7", "name": "User 7"})
    signed = "1.2::user::" + answer["user_data"]
    assert answer["auth"] == f"key1:{APP.sign(signed)}"


@pytest.mark.parametrize(
    ("path", "form", "user", "status"),
    [
        ("auth", {"socket_id": "1.2", "channel_name": "private-orders"}, None, 403),
        ("auth", {"socket_id": "1.2", "channel_name": "private-user-8"}, "7", 403),
        ("auth", {"socket_id": "1.2::user::{}", "channel_name": "private-orders"}, "7", 400),
        ("auth", {"socket_id": "1.2", "channel_name": "orders"}, "7", 400),
        ("user-auth", {"socket_id": "1.2"}, None, 403),
        ("user-auth", {"socket_id": "1.2:private-x"}, "7", 400),
    ],
)
def test_what_is_not_signed(
    post: Post, path: str, form: dict[str, str], user: str | None, status: int
) -> None:
    assert post(f"/broadcasting/{path}", form, user) == (status, None)
