"""A server with two workers and a browser beside it, for the tests of the console's pages. Import `stage`, and
`node_program` with it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from tests.client import Client, api, connect
from tests.conftest import Need, Run
from tests.e2e.console_page import ConsolePage, console_page
from tests.e2e.node import Node, start
from tests.processes.serving import Serving, serving
from tests.processes.test_server_figures import APP, admin_port
from tests.webhooks.receiver import Receiver, receiving

TOKEN = "the admin token"
OTHER_APP = (
    '[[apps]]\nid = "chat"\nkey = "chat-key"\nsecret = "chat-secret"\n'  # it comes before the ready-made one
)
ENVIRONMENT = {
    "REVURB_ADMIN_PORT": "0",
    "REVURB_ADMIN_TOKEN": TOKEN,
    "REVURB_WEBHOOKS_ALLOW_PRIVATE": "true",
    "REVURB_WEBHOOKS_SMOOTHING": "0",
}


@dataclass
class Stage:
    """The server, the browser beside it, and where webhooks go: to a receiver that has no use for them."""

    server: Serving
    browser: Node
    receiver: Receiver

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{admin_port(self.server)}/console/"

    @contextlib.asynccontextmanager
    async def page(
        self, panel: str = "overview", width: int = 1280, theme: str = "light"
    ) -> AsyncIterator[ConsolePage]:
        """A window that has been given the token, at a panel. At the end nothing may have been wrong in it."""
        async with console_page(self.browser, "a", f"{self.url}#/{panel}", width, theme) as page:
            await page.fill("Admin token", TOKEN)
            await page.click("button", "Open")
            await page.see("live", "header")
            await page.do("choose", label="App", option=APP.id)
            assert all("401" in problem for problem in await page.problems())
            yield page
            assert await page.problems() == []

    @contextlib.asynccontextmanager
    async def client(self, *channels: str) -> AsyncIterator[Client]:
        async with connect(self.server.port, APP.key) as client:
            for channel in channels:
                await client.subscribe(channel)
            yield client

    async def publish(self, channel: str, event: str, data: str) -> None:
        body = {"name": event, "channels": [channel], "data": data}
        assert (await api(self.server.port, APP, "POST", "/events", body)).status == 200


@pytest.fixture(scope="module")
def stage(
    run: Run, node_program: str, need: Need, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    chromium = need("chromium")
    stack = contextlib.AsyncExitStack()

    async def enter() -> Stage:
        receiver = await stack.enter_async_context(receiving(Receiver(answer=404)))
        environment = {**ENVIRONMENT, "REVURB_APP_WEBHOOK_URL": receiver.url}
        folder = tmp_path_factory.mktemp("console")
        (folder / "revurb.toml").write_text(OTHER_APP)
        server = stack.enter_context(serving(folder, "--workers", "2", environment=environment))
        browser = await stack.enter_async_context(start(node_program, "console_driver.mjs", chromium))
        return Stage(server, browser, receiver)

    try:
        yield run(enter())
    finally:
        run(stack.aclose())
