"""Clients for Java and Go that know nothing of history, on channels that have it: each event and each confirmation has
one member more, `id`, and they read them as ever."""

from __future__ import annotations

from dataclasses import replace

import pytest

from revurb import HistoryRule, Server
from tests.client import Client, channel_auth, connect
from tests.conftest import Need
from tests.sdks.programs import APP, BUILD, PATIENCE_S, go_output, java_classes, output

KEEPING = replace(APP, history=(HistoryRule(channels=("*room",)),))
WATCHED = ("room", "private-encrypted-room")

# What tests/sdks/java/HistoryScenario.java prints.
JAVA_LINES = """\
ann is CONNECTED
bob is CONNECTED
ann subscribed room
ann room said {"id":"é"} with a position
ann sees [ann={"name":"ann"}]
ann presence-room said 1 with a position
ann sees 7 come
bob sees [7={"name":"7"}, ann={"name":"ann"}]
ann presence-room said 2 with a position
bob presence-room said 2 with a position
ann presence-room client-typing {"on":true} by 7 with a position
ann subscribed private-encrypted-room
ann private-encrypted-room said {"secret":"é"}
ann cache-room said 0 with a position
ann subscribed cache-room
ann sees 7 go
bob is DISCONNECTED
ann sees 7 come
bob sees [7={"name":"7"}, ann={"name":"ann"}]
ann presence-room said 4 with a position
bob presence-room said 4 with a position
heard: ann room said {"id":"é"} with a position
heard: ann presence-room said 1 with a position
heard: ann presence-room said 2 with a position
heard: ann presence-room client-typing {"on":true} by 7 with a position
heard: ann private-encrypted-room said {"secret":"é"}
heard: ann cache-room said 0 with a position
heard: ann presence-room said 3 with a position
heard: ann presence-room said 4 with a position
heard: bob presence-room said 2 with a position
heard: bob presence-room said 4 with a position
"""

# What tests/sdks/go/client prints.
GO_LINES = """\
pusher_internal:subscription_succeeded {}
said {"id":"é","n":1}
said {"id":"é","n":2}
said {"id":"é","n":3}
pusher_internal:subscription_succeeded {}
said again
"""


async def confirmed_with_position(client: Client, channel: str) -> None:
    """Subscribe: what these clients are told has the member that they know nothing of."""
    auth = channel_auth(APP, client.socket_id, channel)  # ignored where the channel is public
    await client.send({"event": "pusher:subscribe", "data": {"channel": channel, "auth": auth}})
    assert "id" in await client.expect("pusher_internal:subscription_succeeded", channel)


@pytest.mark.timeout(PATIENCE_S)
async def test_the_java_client(need: Need) -> None:
    java = await java_classes(need)
    async with Server(apps=[KEEPING], port=0) as server:
        async with connect(server.port, APP.key) as watching:
            for channel in WATCHED:
                await confirmed_with_position(watching, channel)
            lines = await output(*java, "HistoryScenario", cwd=BUILD, PORT=str(server.port))
            for channel in WATCHED:
                assert "id" in await watching.expect("said", channel)
    assert lines == JAVA_LINES.splitlines()


@pytest.mark.timeout(PATIENCE_S)
async def test_a_go_client(need: Need) -> None:
    async with Server(apps=[KEEPING], port=0) as server, connect(server.port, APP.key) as watching:
        await confirmed_with_position(watching, "room")
        lines = await go_output(need, "./client", PORT=str(server.port))
        seen = [await watching.expect("said", "room") for _ in range(4)]
    assert lines == GO_LINES.splitlines()
    assert [event["data"] for event in seen] == [
        line.partition(" ")[2] for line in lines if line.startswith("said")
    ]
    positions = [event["id"].partition("-") for event in seen]
    assert len({epoch for epoch, _, _ in positions}) == 1
    numbers = [int(number) for _, _, number in positions]
    assert numbers == sorted(set(numbers))
