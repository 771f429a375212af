"""A window of Chromium with the console in it, driven by what people see and do (console_driver.mjs)."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tests.e2e.node import Node

# The panels by their routes, with what each shows when the server has answered: `ada` is in `presence-room`.
PANELS = {
    "overview": "Processes of",
    "channels/presence-room": "ada",
    "events": "No event yet.",
    "publish": "as the backend of the app would",
    "client": "No frame yet.",
    "user/ada": "socket id",
    "webhooks": "Targets",
    "troubles": "line",
}
WIDTHS = (360, 1280)
THEMES = ("light", "dark")


class ConsolePage:
    """One window. What is waited for and does not come within 10 s is an AssertionError."""

    def __init__(self, browser: Node, name: str) -> None:
        self._browser = browser
        self.name = name

    async def do(self, what: str, **arguments: Any) -> Any:
        return await self._browser.do(what, self.name, **arguments)

    async def go(self, *path: str) -> None:
        """Open a panel by its route, with its segments as they are in the address."""
        await self.do("go", hash="#/" + "/".join(path))

    async def click(self, role: str, name: str) -> None:
        await self.do("click", role=role, name=name)

    async def fill(self, label: str, text: str) -> None:
        await self.do("fill", label=label, text=text)

    async def press(self, *keys: str) -> None:
        await self.do("press", keys=keys)

    async def see(self, text: str, inside: str = "body") -> None:
        """Wait until an element with this text in it is shown."""
        await self.do("see", text=text, inside=inside)

    async def miss(self, text: str, inside: str = "body") -> None:
        """Wait until none is shown."""
        await self.do("miss", text=text, inside=inside)

    async def read(self, selector: str) -> list[str]:
        """The texts of the elements, as they are shown."""
        texts = await self.do("read", selector=selector)
        assert isinstance(texts, list)
        return texts

    async def problems(self) -> list[str]:
        """What the browser has complained of since the last call: errors, warnings, violations of the policy."""
        problems = await self.do("problems")
        assert isinstance(problems, list)
        return problems

    async def shoot(self, path: Path) -> None:
        await self.do("shoot", path=str(path))


@contextlib.asynccontextmanager
async def console_page(
    browser: Node, name: str, url: str, width: int = 1280, theme: str = "light"
) -> AsyncIterator[ConsolePage]:
    """A window of its own, closed at the end."""
    page = ConsolePage(browser, name)
    await page.do("open", url=url, width=width, theme=theme)
    try:
        yield page
    finally:
        await page.do("close")
