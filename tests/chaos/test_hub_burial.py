"""A worker dies, and then the hub: the others are still told of its members, once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import Member
from tests.bus.engines import APP, resolve
from tests.chaos.hub_process import HubProcess, go_on_reading, stop_reading
from tests.chaos.test_hub import FILLER, ROOM, USERS, publish_all
from tests.conftest import Run


@pytest.fixture
def cluster(run: Run, tmp_path: Path) -> Iterator[HubProcess]:
    cluster = HubProcess(tmp_path, lease_s=1)
    yield cluster
    run(cluster.close())


async def test_what_a_dead_hub_has_said_of_a_dead_worker_is_heard_once(cluster: HubProcess) -> None:
    slow, other, leaving = [await cluster.node() for _ in range(3)]
    await slow.enter("news")
    await slow.enter(ROOM, Member("slow", b'"slow"', b"null"))
    await other.enter(ROOM, Member("other", b'"other"', b"null"))
    for user in USERS:
        await leaving.enter(ROOM, user)
    await other.enter(ROOM, USERS[0])  # so that it does not leave with the others
    await slow.until(lambda: MEMBER_EVENTS.added(ROOM, USERS[-1]) in slow.texts(ROOM))
    slow.received.clear()
    stop_reading(slow)
    await publish_all(other, FILLER)
    await cluster.dismiss(leaving)
    await other.until(lambda: len(other.texts(ROOM)) == len(USERS) - 1)
    await cluster.outage()
    await cluster.recover()
    go_on_reading(slow)
    await other.publish(b"end", ROOM)
    expected = [*(MEMBER_EVENTS.removed(ROOM, user) for user in USERS[1:]), b"end"]
    for node in (slow, other):
        await node.until(lambda node=node: b"end" in node.texts(ROOM))  # type: ignore[misc]
        assert node.texts(ROOM) == expected
    assert slow.texts() == FILLER


async def test_a_worker_that_died_before_the_hub_is_buried_by_the_next_one(cluster: HubProcess) -> None:
    """The hub that knew its members had not yet given it up."""
    keeper, dead, other = [await cluster.node() for _ in range(3)]
    for node in (keeper, other):
        await node.enter(ROOM, Member(node.name, b'"%s"' % node.name.encode(), b"null"))
    for user in USERS:
        await dead.enter(ROOM, user)
    await other.enter(ROOM, USERS[0])  # as after a reconnect of the client
    await keeper.until(lambda: MEMBER_EVENTS.added(ROOM, USERS[-1]) in keeper.texts(ROOM))
    keeper.received.clear()
    await cluster.kill(dead)
    await keeper.until(lambda: list(keeper.bus._known_nodes.entrusted()))
    await cluster.outage()
    await cluster.recover()
    await keeper.until(lambda: len(keeper.texts(ROOM)) == len(USERS) - 1)
    await other.publish(b"end", ROOM)
    for node in (keeper, other):
        await node.until(lambda node=node: b"end" in node.texts(ROOM))  # type: ignore[misc]
        expected = [*(MEMBER_EVENTS.removed(ROOM, user) for user in USERS[1:]), b"end"]
        assert node.texts(ROOM) == expected
    members = await resolve(other.bus.members(APP, ROOM))
    assert {member.user_id for member in members} == {"node0", "node2", "u0"}
    assert not list(keeper.bus._known_nodes.entrusted())
