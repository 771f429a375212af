"""The console's pages in Chromium, on a server with two workers: each panel shows what happens on the server, and does
what it offers. What clients send stays text, and the browser has nothing to complain of."""

from __future__ import annotations

import json

import pytest

from tests.console.console_stage import TOKEN, Stage
from tests.console.console_stage import stage as stage
from tests.e2e.console_page import PANELS, THEMES, console_page
from tests.node_program import node_program as node_program
from tests.processes.test_server_figures import APP

HOSTILE = "<img src=x onerror=alert(document.domain)>"


async def test_the_token_is_asked_for_and_kept_for_the_tab_alone(stage: Stage) -> None:
    async with console_page(stage.browser, "a", stage.url) as page:
        await page.see("This console needs its token")
        await page.fill("Admin token", "a guess")
        await page.press("Enter")
        await page.see("did not take this token")
        await page.fill("Admin token", f"\N{LEFT DOUBLE QUOTATION MARK}{TOKEN}")
        await page.press("Enter")
        await page.see("A token has only ASCII characters")
        await page.fill("Admin token", TOKEN)
        await page.press("Enter")
        await page.see("live", "header")
        assert TOKEN not in await page.do(
            "evaluate", source="JSON.stringify([{...localStorage}, document.cookie])"
        )
        assert TOKEN in await page.do("evaluate", source="JSON.stringify({...sessionStorage})")
        addresses = await page.do("requests")
        assert any("/api/overview" in address for address in addresses)
        assert not any("token" in address for address in addresses)


async def test_overview(stage: Stage) -> None:
    async with stage.client("orders"), stage.client("orders"), stage.page() as page:
        await page.see("2 connections in 2 processes on 1 host")
        assert await page.read("main td:first-child") == ["worker 0", "worker 1", "hub"]
        assert [text.strip() for text in await page.read(".legend-line")] == ["Total", "worker 0", "worker 1"]
        await page.see("2", ".chart:first-child .chart-value")
        drawing = await page.do(
            "evaluate", source="document.querySelector('.chart svg').getAttribute('aria-label')"
        )
        assert drawing == "Connections: 2 now, at most 2 in ten minutes"
        assert await page.read(".chart .series-1") != []
        await page.click("button", "worker 0")
        await page.click("button", "Table of Connections")
        (newest, *_) = await page.read(".chart-table tbody tr")
        assert newest.split("\t")[1:] in (["2", "1", "1"], ["2", "2", "0"], ["2", "0", "2"])


async def test_channels(stage: Stage) -> None:
    ada = {"user_id": "ada", "user_info": {"name": HOSTILE}}
    async with (
        stage.client("orders", HOSTILE),
        stage.client("orders") as client,
        stage.page("channels") as page,
    ):
        await client.subscribe("presence-room", APP, ada)
        await page.see("3 channels.")
        rows = [row.split("\t") for row in await page.read("main tbody tr")]
        assert rows == [
            ["orders", "public", "2", "-"],
            [HOSTILE, "public", "1", "-"],
            ["presence-room", "presence", "1", "1"],
        ]
        await page.click("link", HOSTILE)
        await page.see(HOSTILE, ".detail h2")
        await page.click("link", "presence-room")
        await page.see("ada", ".detail")
        assert await page.read(".detail tbody td") == [
            "ada",
            json.dumps(ada["user_info"], separators=(",", ":")),
        ]
        await page.fill("Filter by name", "pres*")
        await page.see("1 channel.")
        await page.fill("Filter by name", "nobody")
        await page.see("No channel of this name is occupied.")


async def test_no_text_can_become_markup(stage: Stage) -> None:
    async with stage.page("publish") as page:
        with pytest.raises(AssertionError, match="TrustedHTML"):
            await page.do("evaluate", source=f"document.body.innerHTML = {HOSTILE!r}")
        assert all("TrustedHTML" in problem for problem in await page.problems())


async def test_events(stage: Stage) -> None:
    async with stage.page("events") as page, stage.client("orders"):
        await page.see("No event yet.")
        await stage.publish("orders", "shipped", json.dumps({"note": HOSTILE}))
        await page.do("pass", seconds=1)
        await page.see("shipped", ".live")
        assert await page.read(".live .name") == ["shipped", "orders"]
        await page.do("click", selector=".live summary")
        await page.see(HOSTILE, ".live pre")
        await page.click("button", "Pause")
        await stage.publish("orders", "paid", "{}")
        await page.do("pass", seconds=1)
        await page.see("1 event, 1 waiting")
        await page.click("button", "Pause")
        await page.see("paid", ".live")
        await page.fill("Event", "ship*")
        await page.miss("paid", ".live")
        assert await page.read(".live .name") == ["shipped", "orders"]


async def test_publish(stage: Stage) -> None:
    async with stage.page("publish") as page, stage.client("orders") as client:
        await page.fill("Channels", "orders other")
        await page.fill("Event", "shipped")
        await page.fill("Data", '{\n  "id": 7,\n}')
        await page.see("This is not JSON, at line 3, column 1")
        await page.click("button", "Publish")
        await page.see("Nothing was published: the data is not JSON.")
        await page.fill("Data", '{"id":9007199254740993}')  # of more than 53 bits
        await page.click("button", "Format")
        await page.click("button", "Publish")
        await page.see("Published shipped to 2 channels")
        assert (await client.expect("shipped", "orders"))["data"] == '{\n  "id": 9007199254740993\n}'
        await page.fill("Channels", " ".join(f"room-{number}" for number in range(101)))
        await page.click("button", "Publish")
        await page.see("The channels field must not have more than 100 items.", ".result")
        assert all("422" in problem for problem in await page.problems())


async def test_client(stage: Stage) -> None:
    async with stage.page("client") as page, stage.client() as other:
        await other.subscribe("presence-room", APP, {"user_id": "ada"})
        await page.click("button", "Connect")
        await page.see("pusher:connection_established", ".live")
        await page.fill("Channel", "presence-room")
        await page.fill("User id", "bob")
        await page.click("button", "Subscribe")
        await page.see("presence-room", ".chips")
        joined = await other.expect("pusher_internal:member_added")
        assert json.loads(joined["data"]) == {"user_id": "bob", "user_info": {"name": "Console"}}
        await page.fill("Client event", "client-typing")
        await page.click("button", "Send")
        typed = await other.expect("client-typing", "presence-room")
        assert typed["data"] == {"from": "console"}
        await other.send({"event": "client-answer", "channel": "presence-room", "data": {"text": HOSTILE}})
        await page.see("client-answer", ".live")
        assert (await page.read(".live li:first-child .preview"))[0].count(HOSTILE) == 1
        await page.click("button", "Sign in")
        await page.see("pusher:signin_success", ".live")
        await page.click("button", "Disconnect")
        await page.see("Closed with 1000")
        await page.fill("Address", f"ws://127.0.0.1:{stage.server.port}/app/no-key?protocol=7")
        await page.click("button", "Connect")
        await page.see("No app has this key.", ".result")


async def test_user(stage: Stage) -> None:
    async with stage.page("user") as page, stage.client("orders") as client:
        await client.sign_in(APP, "ada")
        await page.fill("User id", "ada")
        await page.click("button", "Show")
        await page.see(client.socket_id)
        await page.click("button", "End all its connections")
        await page.see("End the connections of ada?")
        await page.press("Enter")  # the focus is on what ends nothing
        await client.flushed()
        await page.click("button", "End all its connections")
        await page.click("button", "End them")
        assert await client.closed() == 4009
        await page.see("ada has no connection.")


async def test_troubles(stage: Stage) -> None:
    async with stage.page("troubles") as page, stage.client() as client:
        await client.send(
            {"event": "pusher:subscribe", "data": {"channel": f"private-{HOSTILE}", "auth": "a:b"}}
        )
        await client.expect_error(4009)
        await page.see(f"private-{HOSTILE}", ".live")
        (advice,) = await page.read(".trouble:has-text('private-') .advice")
        assert "secret" in advice


async def test_webhooks(stage: Stage) -> None:
    async with stage.page("webhooks") as page:
        await page.see(stage.receiver.url)
        async with stage.client("orders"):
            await page.see("404", "main tbody")
        await page.see("REVURB_WEBHOOKS_DEAD_LETTERS")


async def test_keyboard(stage: Stage) -> None:
    async with stage.page("overview") as page:
        await page.do("reload")  # the tab has its token already
        await page.see("live", "header")
        await page.press("Tab", "Enter")
        assert await page.do("focused") == "Overview"
        await page.press("2")
        await page.see("What clients are subscribed to")
        assert await page.do("focused") == "Channels"
        assert await page.do("evaluate", source="document.title") == "Channels · Revurb"
        await page.press("/", "4")
        assert await page.do("evaluate", source="document.activeElement.value") == "4"
        await page.press("Tab", "?")
        await page.see("Keyboard shortcuts")
        assert await page.do("focused") == "Close"
        assert await page.do("axe") == []
        await page.press("Shift+Tab", "Space", "Escape", "4")
        assert await page.do("evaluate", source="document.title") == "Channels · Revurb"


async def test_a_list_is_bounded(stage: Stage) -> None:
    """500 rows, also of what waits while it is paused; the newest stay."""
    source = """(async () => {
        const { LiveList } = await import("./live_list.mjs");
        const list = new LiveList({ label: "Numbers", noun: "number", makeRow: (item) => String(item) });
        const numbers = (from) => Array.from({ length: 700 }, (_, index) => from + index);
        const shown = () => [...list.element.children].map((row) => Number(row.textContent));
        list.add(numbers(0));
        const first = shown();
        list.togglePause();
        list.add(numbers(1000));
        const paused = shown();
        list.togglePause();
        return [first.length, first[0], paused[0], shown().length, shown()[0], shown().at(-1)];
    })()"""
    async with stage.page("publish") as page:
        assert await page.do("evaluate", source=source) == [500, 699, 699, 500, 1699, 1200]


async def test_without_an_app_nothing_is_asked_about_one(stage: Stage) -> None:
    """As on a server whose apps are in a database, before it knows one."""
    source = """(async () => {
        const { AdminApi } = await import("./admin_api.mjs");
        const [api, question] = [new AdminApi(), { app: "" }];
        const tries = [api.ask("channels", question), api.askAll([["channels", question], ["overview"]])];
        return (await Promise.allSettled(tries)).map(({ reason }) => reason?.message);
    })()"""
    async with stage.page("publish") as page:
        told = "No app is chosen: write its id into the field App."
        assert await page.do("evaluate", source=source) == [told, told]


async def test_rows_that_come_fast_are_drawn_together(stage: Stage) -> None:
    """A thousand frames a second, each drawn for itself, would take all of a page's time."""
    source = """(async () => {
        const { LiveList } = await import("./live_list.mjs");
        window.made = 0;
        const makeRow = (item) => (window.made++, String(item));
        window.list = new LiveList({ label: "Numbers", noun: "number", makeRow });
        for (let number = 0; number < 2000; number++) list.add([number]);
        return [list.element.childElementCount, list.isEmpty];
    })()"""
    shown = "[made, list.element.childElementCount, list.element.firstElementChild.textContent]"
    async with stage.page("publish") as page:
        assert await page.do("evaluate", source=source) == [1, False]
        await page.do("pass", seconds=1)
        assert await page.do("evaluate", source=shown) == [501, 500, "1999"]


async def test_a_lost_server_is_asked_again(stage: Stage) -> None:
    async with stage.page("channels") as page:
        await page.do("offline", isOffline=True)
        await page.do("pass", seconds=2)
        await page.see("no answer", "header")
        await page.see("The server does not answer. The next try is in")
        await page.do("offline", isOffline=False)
        await page.do("pass", seconds=20)  # which is longer than the longest wait
        await page.see("live", "header")
        assert all("ERR_INTERNET_DISCONNECTED" in problem for problem in await page.problems())


async def test_a_hidden_page_asks_nothing(stage: Stage) -> None:
    async with stage.page("overview") as page:
        await page.do("hide", isHidden=True)
        await page.see("paused", "header")
        await page.do("requests")
        await page.do("pass", seconds=60)
        assert await page.do("requests") == []
        await page.do("hide", isHidden=False)
        await page.see("live", "header")
        assert await page.do("requests") != []


@pytest.mark.parametrize("theme", THEMES)
async def test_everybody_can_use_it(theme: str, stage: Stage) -> None:
    """axe-core has nothing to say against any panel, nor is one wider than a small telephone."""
    found = []
    async with stage.client("orders") as client:
        await client.subscribe("presence-room", APP, {"user_id": "ada"})
        async with stage.page("overview", 360, theme) as page:
            for panel, text in PANELS.items():
                await page.go(f"events?event={theme}" if panel == "events" else panel)
                await page.see(text, "main")
                if panel == "events":
                    await stage.publish("orders", theme, "{}")
                    await page.see(theme, ".live")
                found += [f"{panel}: {violation}" for violation in await page.do("axe")]
                assert await page.do("overflow") == 0, panel
    assert found == []
