"""The module for browsers in Chromium, as a node serves it: a page that loses its connection, and is loaded anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Need
from tests.e2e.node import options, start
from tests.e2e.resuming import GAP, HISTORY, SUCCEEDED, comeback
from tests.processes.test_single_node import APP


@pytest.mark.parametrize(("format", "workers"), [("umd", "1"), ("es", "2")])
async def test_a_page(format: str, workers: str, tmp_path: Path, node_program: str, need: Need) -> None:
    environment = {**HISTORY, "REVURB_APP_HISTORY_SIZE": "3", "REVURB_BROWSER_MODULE": "true"}
    environment["REVERB_SERVER_PATH"] = "/ws"
    chromium = need("chromium")
    async with (
        comeback(tmp_path, node_program, "--workers", workers, environment=environment) as s,
        start(node_program, "chromium_driver.mjs", chromium) as browser,
    ):
        settings = {
            "format": format,
            "module": f"http://127.0.0.1:{s.server.port}/ws/revurb",
            "key": APP.key,
            "options": options(s.line.port, wsPath="/ws"),
            "channel": "room-1",
        }
        s.prefix = "/ws"
        await browser.do("show", "a", settings=settings)
        await browser.event("a", SUCCEEDED)
        await s.publish("room-1", 0)
        assert await browser.event("a", "e") == 0
        s.line.cut()
        await s.publish("room-1", 1, 2)
        s.line.mend()
        await browser.event("a", SUCCEEDED)
        assert [await browser.event("a", "e") for _ in range(2)] == [1, 2]
        await browser.do("leave", "a")
        await s.publish("room-1", 3)
        await browser.do("show", "a", settings=settings)
        await browser.event("a", SUCCEEDED)
        assert await browser.event("a", "e") == 3
        await browser.do("leave", "a")
        await s.publish("room-1", *range(4, 9))
        await browser.do("show", "a", settings=settings)
        await browser.event("a", SUCCEEDED)
        await browser.event("a", "pusher:resume_failed")
        gap = {"channel": "room-1", "reason": "expired"}
        assert await browser.event("a", GAP, "room-1") == gap
        assert await browser.event("a", GAP, "pusher") == gap
        await s.publish("room-1", 9)
        assert await browser.event("a", "e") == 9
