"""What every engine does about the most users that may be on a channel: rule 9 of the bus.

The limit is decided in the step that would let the user in. Who would be one too many is not counted and not told of,
and nothing is made a fact of it; and never are more there, whichever nodes they come through.
"""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from revurb.bus.brokered import brokered_bus
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.facts import COUNT_EVENTS, COUNTS, MEMBERS, OCCUPANCY
from revurb.pusher.ports import ChannelSnapshot, ChannelState, EnterRequest, Member
from tests.bus.engines import ANN, APP, BOB, DEADLINE_S, ROOM, BusNode, Cluster, NodeGroup, resolve

CID = Member("cid", b'"cid"', b"null")
FULL = ChannelSnapshot(is_full=True)


def ask(node: BusNode, user: Member, limit: int) -> asyncio.Future[ChannelSnapshot]:
    """Subscribe, at the latest when it is awaited."""
    entered: asyncio.Future[ChannelSnapshot] = asyncio.get_running_loop().create_future()
    request = EnterRequest(APP, ROOM, user, MEMBER_EVENTS.added(ROOM, user), False, max_members=limit)
    node.bus.enter(request, entered.set_result)
    return entered


async def join(node: BusNode, user: Member, limit: int = 2) -> ChannelSnapshot:
    async with asyncio.timeout(DEADLINE_S):
        return await ask(node, user, limit)


async def state(node: BusNode) -> ChannelState:
    [found] = await resolve(node.bus.describe(APP, [ROOM]))
    return ChannelState(found.subscription_count, found.user_count)


async def until_state(node: BusNode, wanted: ChannelState) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while await state(node) != wanted:
            await asyncio.sleep(0.02)


async def test_one_too_many_on_a_single_node(any_cluster: NodeGroup) -> None:
    any_cluster.wanted = {APP: OCCUPANCY | MEMBERS}
    node = await any_cluster.node()
    assert list((await join(node, ANN, 1)).members) == [ANN]
    assert await join(node, BOB, 1) == FULL
    assert list((await join(node, ANN, 1)).members) == [ANN]  # who is there already is none more
    assert await state(node) == ChannelState(2, 1)
    await node.publish(b"end", ROOM)
    await node.until(lambda: b"end" in node.texts(ROOM))
    assert MEMBER_EVENTS.added(ROOM, BOB) not in node.texts(ROOM)
    for _ in range(2):
        node.bus.leave(APP, ROOM, "ann")
    assert list((await join(node, BOB, 1)).members) == [BOB]
    wanted = [("member_added", "ann"), ("member_removed", "ann"), ("member_added", "bob")]
    await node.until(lambda: [fact for fact in node.told(ROOM) if fact[1]] == wanted)


async def test_one_too_many_is_not_told_of_and_leaves_nothing(each_broker: Cluster) -> None:
    each_broker.wanted = {APP: OCCUPANCY | MEMBERS | COUNTS | COUNT_EVENTS}
    here, there = await each_broker.node(), await each_broker.node()
    await join(here, ANN)
    await join(there, BOB)
    here.received.clear()
    for _ in range(2):
        assert await join(there, CID) == FULL
    assert (await join(there, ANN)).is_full is False  # through another node than before
    await until_state(here, ChannelState(3, 2))
    there.bus.leave(APP, ROOM, "ann")
    await there.publish(b"end", ROOM)
    await here.until(lambda: b"end" in here.texts(ROOM))
    assert not [text for text in here.texts(ROOM) + there.texts(ROOM) if b"cid" in text]
    assert not [fact for node in (here, there) for fact in node.told(ROOM) if fact[1] == "cid"]
    # Nor is there anything of it at the end.
    here.bus.leave(APP, ROOM, "ann")
    there.bus.leave(APP, ROOM, "bob")
    await until_state(here, ChannelState(0, 0))
    async with asyncio.timeout(DEADLINE_S):
        while await resolve(here.bus.channels(APP, "")):
            await asyncio.sleep(0.02)


async def test_of_many_who_come_and_go_never_more_are_there(each_broker: Cluster) -> None:
    limit, nodes = 3, [await each_broker.node() for _ in range(3)]
    users = [Member(str(number), b"%d" % number, b"null") for number in range(12)]
    inside: dict[str, int] = dict.fromkeys((user.user_id for user in users), 0)
    refused = 0

    async def comes_and_goes(number: int, random: Random) -> None:
        nonlocal refused
        user, node = users[number % len(users)], nodes[number % 3]
        for _ in range(15):
            snapshot = await join(node, user, limit)
            if snapshot.is_full:
                refused += 1
                continue
            assert len(snapshot.members) <= limit
            assert user in snapshot.members
            inside[user.user_id] += 1
            for _ in range(random.randrange(20)):
                await asyncio.sleep(0)
            inside[user.user_id] -= 1
            node.bus.leave(APP, ROOM, user.user_id)

    await asyncio.gather(*[comes_and_goes(number, Random(number)) for number in range(36)])
    assert refused
    await until_state(nodes[0], ChannelState(0, 0))
    for node in nodes:
        assert node.bus.local_view.members(APP, ROOM) == []
    told = await asyncio.gather(*[join(nodes[n % 3], users[n], limit) for n in range(12)])
    assert sum(not snapshot.is_full for snapshot in told) == limit
    await until_state(nodes[0], ChannelState(limit, limit))


async def test_two_connections_of_one_too_many_at_once(each_broker: Cluster) -> None:
    here, there = await each_broker.node(), await each_broker.node()
    await join(here, ANN, 1)
    asked = [ask(there, BOB, 1) for _ in range(3)]
    async with asyncio.timeout(DEADLINE_S):
        assert await asyncio.gather(*asked) == [FULL] * 3
    await until_state(here, ChannelState(1, 1))
    here.bus.leave(APP, ROOM, "ann")
    await until_state(here, ChannelState(0, 0))
    asked = [ask(there, BOB, 1) for _ in range(3)]
    async with asyncio.timeout(DEADLINE_S):
        assert [list(each.members) for each in await asyncio.gather(*asked)] == [[BOB]] * 3
    await until_state(here, ChannelState(3, 1))
    assert await join(here, ANN, 1) == FULL


async def test_in_an_outage_the_users_of_the_own_node_count(
    each_broker: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = await each_broker.node(), await each_broker.node()
    await join(here, ANN)
    await each_broker.outage()
    await here.until(lambda: here.bus.degraded and there.bus.degraded)
    monkeypatch.setattr(brokered_bus, "BROKER_WAIT_S", 0.0)
    there.received.clear()
    assert list((await join(there, BOB)).members) == [BOB]
    assert list((await join(there, CID)).members) == [BOB, CID]
    dee = Member("dee", b'"dee"', b"null")
    assert await join(there, dee) == FULL
    assert not [text for text in there.texts(ROOM) if b"dee" in text]
    await each_broker.recover()
    await here.until(lambda: not (here.bus.degraded or there.bus.degraded))
    await until_state(here, ChannelState(3, 3))  # who was let in stays
    assert await join(here, dee) == FULL
    assert not [text for node in (here, there) for text in node.texts(ROOM) if b"dee" in text]
