"""The module for browsers, as a node serves it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from revurb.config import DEV_APP, Config, ServerConfig
from revurb.node.browser_module import MAX_AGE_S
from revurb.node.node import Node
from tests.browser.packing import BROWSER
from tests.client import Response, http
from tests.processes.serving import serving

UMD, ES = (BROWSER / "resume.umd.js").read_bytes(), (BROWSER / "resume.mjs").read_bytes()


async def answer(
    path: str,
    *,
    method: str = "GET",
    prefix: str = "",
    served: bool = True,
    headers: dict[str, str] | None = None,
) -> Response:
    server = ServerConfig(host="127.0.0.1", port=0, path=prefix, browser_module=served)
    node = Node(Config(server=server, apps=(DEV_APP,)))
    await node.start()
    try:
        async with http(node.port) as connection:
            return await connection.request(method, path, headers=list((headers or {}).items()))
    finally:
        await node.stop()


@pytest.mark.parametrize(
    ("prefix", "path", "body"),
    [
        ("", "/revurb.js", UMD),
        ("", "/revurb.mjs", ES),
        ("/ws", "/ws/revurb.js", UMD),
        ("/ws", "/ws/revurb.mjs", ES),
    ],
)
async def test_a_page_gets_it(prefix: str, path: str, body: bytes) -> None:
    response = await answer(path, prefix=prefix)
    assert (response.status, response.body) == (200, body)
    assert response.headers["content-type"] == "text/javascript; charset=utf-8"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == f"public, max-age={MAX_AGE_S}"
    assert response.headers["access-control-allow-origin"] == "*"


async def test_head_has_no_body() -> None:
    response = await answer("/revurb.js", method="HEAD")
    assert (response.status, response.body) == (200, b"")
    assert int(response.headers["content-length"]) == len(UMD)


async def test_what_a_browser_has_already_is_not_sent_again() -> None:
    etag = (await answer("/revurb.js")).headers["etag"]
    assert etag != (await answer("/revurb.mjs")).headers["etag"]
    for given in (etag, f'"other", W/{etag}', "*"):
        response = await answer("/revurb.js", headers={"If-None-Match": given})
        assert (response.status, response.body) == (304, b"")
        assert response.headers["etag"] == etag
        assert response.headers["cache-control"] == f"public, max-age={MAX_AGE_S}"
    assert (await answer("/revurb.js", headers={"If-None-Match": '"other"'})).status == 200


@pytest.mark.parametrize(
    ("path", "method", "prefix", "served"),
    [
        ("/revurb.js", "GET", "", False),
        ("/revurb.mjs", "GET", "", False),
        ("/revurb.js", "GET", "/ws", True),
        ("/revurb.js", "POST", "", True),
        ("/revurb.js/", "GET", "", True),
        ("/resume.mjs", "GET", "", True),
    ],
)
async def test_nobody_gets_it_otherwise(path: str, method: str, prefix: str, served: bool) -> None:
    assert (await answer(path, method=method, prefix=prefix, served=served)).status in (404, 405)


async def test_every_worker_serves_it(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2", environment={"REVURB_BROWSER_MODULE": "true"}) as server:
        for _ in range(8):  # each connection is given to one of them
            async with http(server.port) as connection:
                assert (await connection.request("GET", "/revurb.js")).body == UMD
        assert await asyncio.to_thread(lambda: len(server.workers())) == 2
