"""The limit of members of a presence channel beside PHP nodes, which have none."""

from __future__ import annotations

import asyncio

from revurb.apps import AppLimits
from revurb.pusher.registry import Registry
from revurb.pusher.session import Session
from tests.bus.engines import DEADLINE_S, ROOM
from tests.bus.reverb.conftest import MixedCluster
from tests.pusher.room import Client, an_app
from tests.pusher.test_limits import refusal

APP = an_app(limits=AppLimits(max_presence_members=3))


async def test_users_on_php_nodes_count(mixed: MixedCluster) -> None:
    node = await mixed.node()
    await mixed.php(s_1={ROOM: "8"}, s_2={ROOM: "9"})
    state = Registry().state(APP)
    clients = []
    for number, user_id in enumerate(("1", "2", "9", "1")):
        client = Client(Session(state, f"1.{number}", node.bus))
        client.subscribe(ROOM, f'{{"user_id":"{user_id}"}}')
        clients.append(client)
        async with asyncio.timeout(DEADLINE_S):
            while not client.outlet.frames:
                await asyncio.sleep(0)
    one, two, nine, one_again = (client.heard() for client in clients)
    assert refusal(two) == (4301, "LimitReached", 4100)
    for answer in (one, nine, one_again):
        assert answer[0]["event"] == "pusher_internal:subscription_succeeded"
