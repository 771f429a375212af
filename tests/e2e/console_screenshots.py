"""Writes pictures of the console's panels, in two widths and both themes: `make screenshots`.

They are of a real server with two workers, that many seconds after its clients and its backend have begun. Somebody
has to look at them: no test knows whether a page is beautiful.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import math
import shutil
import tempfile
from pathlib import Path

from tests.client import TEXT, Client, api, connect
from tests.e2e.console_page import PANELS, THEMES, WIDTHS, console_page
from tests.e2e.node import Node, start
from tests.processes.serving import serving
from tests.processes.test_server_figures import APP, admin_port
from tests.webhooks.receiver import Receiver, receiving

CLIENTS = 40
CHANNELS = ("orders", "news", "presence-room", "private-orders.7", "prices", "cache-weather")
ENVIRONMENT = {
    "REVURB_ADMIN_PORT": "0",
    "REVURB_WEBHOOKS_ALLOW_PRIVATE": "true",
    "REVURB_APP_HISTORY_CHANNELS": "orders",
}


async def begin(client: Client, number: int) -> None:
    """Subscribe a client to what it is interested in."""
    for channel in CHANNELS[: 1 + number % len(CHANNELS)]:
        user = {"user_id": f"user-{number}", "user_info": {"name": f"Guest {number}"}}
        user_or_none = user if channel.startswith("presence-") else None
        is_open = not channel.startswith(("presence-", "private-"))
        await client.subscribe(channel, None if is_open else APP, user_or_none)


async def publish(port: int) -> None:
    """Publish for ever, now more and now less."""
    for number in itertools.count():
        channel = CHANNELS[number % len(CHANNELS)]
        data = json.dumps({"id": number, "status": "shipped", "customer": {"name": "Ada Lovelace"}})
        await api(port, APP, "POST", "/events", {"name": "order.shipped", "channel": channel, "data": data})
        await asyncio.sleep(0.06 + 0.04 * math.sin(number / 150))


async def take(client: Client) -> None:
    """Read what comes, for ever, and answer pings."""
    while True:
        frame = await client.receive(3600.0)
        if frame.opcode == TEXT and frame.message["event"] == "pusher:ping":
            await client.send({"event": "pusher:pong", "data": {}})


async def come_and_go(port: int, number: int) -> None:
    """Be a client for half a minute or so, then none for a while, for ever."""
    for visit in itertools.count():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(40 + 30 * math.sin(number + visit)), connect(port, APP.key) as client:
                await begin(client, 0)
                await take(client)
        await asyncio.sleep(20 + 15 * math.cos(number + visit))


async def shoot(browser: Node, url: str, folder: Path) -> None:
    for width, theme in itertools.product(WIDTHS, THEMES):
        async with console_page(browser, "a", url, width, theme) as page:
            await page.see("live", "header")
            for panel, text in PANELS.items():
                await page.go(panel.replace("ada", "user-5"))
                if panel == "client":
                    await page.click("button", "Connect")
                    await page.fill("Channel", "presence-room")
                    await page.click("button", "Subscribe")
                    await page.see("subscription_succeeded", ".live")
                elif panel == "events":
                    await page.see("order.shipped", ".live")
                else:
                    await page.see(text.replace("ada", "user-5"), "main")
                await page.shoot(folder / f"{panel.partition('/')[0]}-{width}-{theme}.png")


async def main(folder: Path, seconds: float) -> None:
    node, chromium = shutil.which("node"), shutil.which("chromium")
    if node is None or chromium is None:
        raise SystemExit("revurb: node and chromium are needed: apt-get install nodejs chromium")
    folder.mkdir(parents=True, exist_ok=True)
    async with contextlib.AsyncExitStack() as stack:
        receiver = await stack.enter_async_context(receiving(Receiver()))
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        environment = {**ENVIRONMENT, "REVURB_APP_WEBHOOK_URL": receiver.url}
        server = stack.enter_context(serving(place, "--workers", "2", environment=environment))
        browser = await stack.enter_async_context(start(node, "console_driver.mjs", chromium))
        for number in range(CLIENTS):
            client = await stack.enter_async_context(connect(server.port, APP.key))
            if number == 5:
                await client.sign_in(APP, "user-5")
                await client.send(
                    {"event": "pusher:subscribe", "data": {"channel": "private-x", "auth": "a:b"}}
                )
                await client.expect_error(4009)
                await client.expect("pusher:subscription_error")
            await begin(client, number)
            stack.callback(asyncio.create_task(take(client)).cancel)
        stack.callback(asyncio.create_task(publish(server.port)).cancel)
        for number in range(CLIENTS // 2):
            stack.callback(asyncio.create_task(come_and_go(server.port, number)).cancel)
        await asyncio.sleep(seconds)
        await shoot(browser, f"http://127.0.0.1:{admin_port(server)}/console/", folder)
    print(f"{len(PANELS) * len(WIDTHS) * len(THEMES)} pictures are in {folder}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("build/screenshots"))
    parser.add_argument("--seconds", type=float, default=20.0)
    arguments = parser.parse_args()
    asyncio.run(main(arguments.folder, arguments.seconds))
