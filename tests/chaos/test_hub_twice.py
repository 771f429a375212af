"""The hub is killed again before a worker has heard what the first one has said."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import Member
from tests.bus.engines import BusNode
from tests.chaos.hub_process import HubProcess, go_on_reading, stop_reading
from tests.chaos.test_hub import FILLER, ROOM, USERS, publish_all
from tests.conftest import Run


@pytest.fixture
def cluster(run: Run, tmp_path: Path) -> Iterator[HubProcess]:
    cluster = HubProcess(tmp_path, lease_s=2)
    yield cluster
    run(cluster.close())


async def enter_all(cluster: HubProcess, count: int) -> list[BusNode]:
    """`count` nodes of which each has a member of its own, and one with USERS, the last. The first takes nothing."""
    nodes = [await cluster.node() for _ in range(count + 1)]
    for node in nodes[:-1]:
        await node.enter(ROOM, Member(node.name, b'"%s"' % node.name.encode(), b"null"))
    await nodes[0].enter("news")
    for user in USERS:
        await nodes[-1].enter(ROOM, user)
    await nodes[0].until(lambda: MEMBER_EVENTS.added(ROOM, USERS[-1]) in nodes[0].texts(ROOM))
    nodes[0].received.clear()
    stop_reading(nodes[0])
    await publish_all(nodes[-2], FILLER)
    return nodes


def stop_reading_also_the_next_hub(node: BusNode) -> None:
    link: Any = node.bus._link
    connection_made = link.connection_made

    def without_reading(transport: Any) -> None:
        connection_made(transport)
        asyncio.get_running_loop().call_soon(transport.pause_reading)  # uvloop begins to read only now

    link.connection_made = without_reading


async def test_what_two_hubs_have_said_is_heard_in_its_order(cluster: HubProcess) -> None:
    early = await cluster.node()
    for _ in range(4):
        await publish_all(early, FILLER, "elsewhere")  # so that positions of the second hub are lower
    slow, busy, leaving = await enter_all(cluster, 2)
    await publish_all(busy, FILLER)  # more than the next hub can give to a socket, too
    await cluster.dismiss(leaving)
    removed = [MEMBER_EVENTS.removed(ROOM, user) for user in USERS]
    await busy.until(lambda: removed[-1] in busy.texts(ROOM))
    await busy.publish(b"of the first hub", ROOM)
    await cluster.outage()
    stop_reading_also_the_next_hub(slow)
    await cluster.recover()
    await busy.until(lambda: busy.bus.is_linked and slow.bus._link._is_served)
    await publish_all(busy, FILLER)
    await busy.enter(ROOM, USERS[0])
    await cluster.outage()
    await cluster.recover()
    go_on_reading(slow)
    await busy.publish(b"end", ROOM)
    await slow.until(lambda: b"end" in slow.texts(ROOM))
    assert slow.texts(ROOM) == [*removed, b"of the first hub", MEMBER_EVENTS.added(ROOM, USERS[0]), b"end"]


async def test_who_came_after_it_is_not_told_of_it(cluster: HubProcess) -> None:
    """A client whose worker has died comes back through a new one, which had not been there to be told."""
    slow, other, leaving = await enter_all(cluster, 2)
    removed = [MEMBER_EVENTS.removed(ROOM, user) for user in USERS]
    await cluster.dismiss(leaving)
    await other.until(lambda: removed[-1] in other.texts(ROOM))
    new = await cluster.node()
    watcher = await cluster.node()
    await watcher.enter(ROOM, Member("watcher", b'"watcher"', b"null"))
    await new.enter(ROOM, USERS[0])
    added = MEMBER_EVENTS.added(ROOM, USERS[0])
    await watcher.until(lambda: added in watcher.texts(ROOM))
    await cluster.outage()
    await cluster.recover()
    go_on_reading(slow)
    await other.publish(b"end", ROOM)
    for node in (slow, other, new, watcher):
        await node.until(lambda node=node: b"end" in node.texts(ROOM))  # type: ignore[misc]
    assert watcher.texts(ROOM) == [added, b"end"]
    assert new.texts(ROOM) == [b"end"]
    came = MEMBER_EVENTS.added(ROOM, Member("watcher", b'"watcher"', b"null"))
    assert slow.texts(ROOM) == [*removed, came, added, b"end"]
    assert other.texts(ROOM)[-len(slow.texts(ROOM)) :] == slow.texts(ROOM)
