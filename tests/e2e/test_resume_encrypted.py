"""pusher-js with the module for browsers on encrypted channels: what it missed is decrypted as what is new."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path

import pytest

from tests.client import api
from tests.e2e.resuming import HISTORY, LIBRARIES, SUCCEEDED, Comeback, comeback, encrypting_sdk
from tests.e2e.steady_events import SteadyEvents
from tests.processes.test_single_node import APP

CHANNEL = "private-encrypted-room-1"
NEW_KEY = base64.b64encode(bytes(32)).decode()
ENCRYPTED = {**HISTORY, "REVURB_APP_HISTORY_CHANNELS": "private-encrypted-room*"}


async def encrypt(s: Comeback, number: int) -> None:
    await asyncio.to_thread(s.sdk.trigger, CHANNEL, "e", number)


@pytest.mark.parametrize(
    ("library", "workers"), [*((library, "1") for library in LIBRARIES), ("pusher-js", "2")]
)
async def test_every_event_comes_decrypted_once_and_in_order(
    library: str, workers: str, tmp_path: Path, node_program: str
) -> None:
    async with comeback(tmp_path, node_program, "--workers", workers, environment=ENCRYPTED) as s:
        await s.open("a", library=library)
        await s.node.subscribe("a", CHANNEL)
        events = SteadyEvents(s.node, "a", lambda number: encrypt(s, number))
        await events.once_more()
        for lose in s.losses(library):
            await events.during(lose("a"))
        await events.came_once_and_in_order()
        kept = json.loads((await api(s.server.port, APP, "GET", f"/channels/{CHANNEL}/events")).text)
        assert kept["events"]
        for event in kept["events"]:
            assert json.loads(event["data"]).keys() == {"nonce", "ciphertext"}


@pytest.mark.parametrize("library", LIBRARIES)
async def test_a_page_that_is_loaded_anew_decrypts_what_it_missed(
    library: str, tmp_path: Path, node_program: str
) -> None:
    async with comeback(tmp_path, node_program, environment=ENCRYPTED) as s:
        await s.open("a", library=library, storage="tab")
        await s.node.subscribe("a", CHANNEL)
        await encrypt(s, 0)
        await s.numbers("a", CHANNEL, 0)
        await s.node.do("close", "a")
        for number in (1, 2):
            await encrypt(s, number)
        await s.open("b", library=library, storage="tab")
        await s.node.do("subscribe", "b", channel=CHANNEL)
        await s.node.event("b", SUCCEEDED, CHANNEL)
        await encrypt(s, 3)
        await s.numbers("b", CHANNEL, 1, 2, 3)


@pytest.mark.parametrize("library", ["pusher-js-4", "pusher-js"])
async def test_what_was_encrypted_with_a_former_key_is_dropped_by_pusher_js(
    library: str, tmp_path: Path, node_program: str
) -> None:
    async with comeback(tmp_path, node_program, environment=ENCRYPTED) as s:
        await s.open("a", library=library)
        await s.node.subscribe("a", CHANNEL)
        await encrypt(s, 0)
        await s.numbers("a", CHANNEL, 0)
        s.line.cut()
        await encrypt(s, 1)
        s.sdk = s.auth.sdk = encrypting_sdk(s.server.port, NEW_KEY)
        await encrypt(s, 2)
        s.line.mend()
        await s.node.event("a", SUCCEEDED, CHANNEL)
        await encrypt(s, 3)
        await s.numbers("a", CHANNEL, 2, 3)
