"""The page with a test client: who gets it, what is in it, and that its script computes what servers check."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import subprocess
from typing import Any

import pytest

from revurb import App
from revurb.config import DEV_APP, Config, ServerConfig
from revurb.node.node import Node
from revurb.node.test_page import page_response
from tests.client import Response, http
from tests.conftest import Need

BROWSER = [("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")]
OTHER = App(id="shop", key="shop-key", secret="hush-hush")


async def answer(config: Config, path: str, *, method: str = "GET", headers: Any = BROWSER) -> Response:
    node = Node(config)
    await node.start()
    try:
        async with http(node.port) as connection:
            return await connection.request(method, path, headers=headers)
    finally:
        await node.stop()


def configured(*apps: App, path: str = "", test_page: bool = True) -> Config:
    server = ServerConfig(host="127.0.0.1", port=0, path=path, test_page=test_page)
    return Config(server=server, apps=apps)


def settings(text: str) -> dict[str, Any]:
    (shown,) = re.findall(r'<script type="application/json" id="settings">(.*?)</script>', text)
    found = json.loads(shown)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(("prefix", "path"), [("", "/"), ("/ws", "/ws"), ("/ws", "/ws/")])
async def test_a_browser_gets_the_page(prefix: str, path: str) -> None:
    response = await answer(configured(DEV_APP, path=prefix), path)
    assert (response.status, response.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert settings(response.text)["secret"] == "secret1"


async def test_head_has_no_body() -> None:
    response = await answer(configured(DEV_APP), "/", method="HEAD")
    assert (response.status, response.body) == (200, b"")
    assert int(response.headers["content-length"]) > 1000


async def test_the_secret_of_an_app_of_ones_own_is_not_in_it() -> None:
    response = await answer(configured(OTHER), "/")
    assert settings(response.text) == {"version": "0.1.0", "app": "shop", "key": "shop-key", "secret": None}
    assert "hush" not in response.text


@pytest.mark.parametrize(
    ("config", "path", "method", "headers"),
    [
        (configured(DEV_APP, test_page=False), "/", "GET", BROWSER),
        (configured(DEV_APP), "/", "GET", []),  # a load balancer, curl
        (configured(DEV_APP), "/", "GET", [("Accept", "*/*")]),
        (configured(DEV_APP), "/", "POST", BROWSER),
        (configured(DEV_APP), "/other", "GET", BROWSER),
        (configured(DEV_APP, path="/ws"), "/", "GET", BROWSER),
    ],
)
async def test_who_gets_what_there_is_without_it(
    config: Config, path: str, method: str, headers: Any
) -> None:
    response = await answer(config, path, method=method, headers=headers)
    assert "html" not in response.headers.get("content-type", "")


async def test_other_requests_are_answered_as_ever() -> None:
    assert (await answer(configured(DEV_APP), "/up")).json() == {"health": "OK"}


def test_nothing_but_its_own_script_can_run() -> None:
    response = page_response(App(id="1", key="k<script><!--alert(1)", secret="s"), None)
    text = response.body.decode()
    policy = dict(response.headers)["Content-Security-Policy"]
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy
    assert "default-src 'none'" in policy
    # Otherwise browsers ask for /favicon.ico, which is a line of the log about an unknown path.
    assert '<link rel="icon" href="data:,">' in text
    assert "img-src data:" in policy
    assert settings(text)["key"] == "k<script><!--alert(1)"
    assert "http://" not in script
    assert "https://" not in script


def test_its_signatures_are_those_of_sdks(need: Need) -> None:
    """MD5 and HMAC-SHA256 of the page's own script, beside Python's."""
    text = page_response(DEV_APP, None).body.decode()
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    functions = script[script.index("// MD5") : script.rindex("channels.add")]
    texts = ["", "a", "größer 😀", *("x" * length for length in (54, 55, 56, 63, 64, 65, 119, 128, 1000))]
    program = (
        f"{functions}\nfor (const text of {json.dumps(texts)})"
        " console.log(JSON.stringify([hex(md5(utf8(text))), hmac(text, text + '!')]));"
    )
    done = subprocess.run([need("node"), "-e", program], capture_output=True, text=True, timeout=30)
    assert done.stderr == ""
    expected = [
        [
            hashlib.md5(text.encode()).hexdigest(),
            hmac.digest(text.encode(), f"{text}!".encode(), "sha256").hex(),
        ]
        for text in texts
    ]
    assert [json.loads(line) for line in done.stdout.splitlines()] == expected
