"""What every engine does about connections and members where there are several nodes: rules 5 and 6 of the bus."""

import asyncio
from random import Random

import pytest

from revurb.bus.brokered import brokered_bus
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import ChannelState
from tests.bus.engines import ANN, APP, BOB, DEADLINE_S, ROOM, Cluster, has_received, resolve, texts_up_to

# Rule 5: who dies leaves nothing behind.


async def test_the_dead_are_removed_when_their_lease_ends(each_broker: Cluster) -> None:
    here, there = await each_broker.node(), await each_broker.node()
    await here.enter(ROOM, ANN)
    await there.enter(ROOM, BOB)
    await there.enter("news")
    assert await resolve(there.bus.admit(APP, None))
    await has_received(here, 1)  # of bob
    here.received.clear()
    await each_broker.kill(there)
    assert await resolve(here.bus.members(APP, ROOM)) == [ANN, BOB]  # it may come back
    await here.until(lambda: here.received)
    assert here.texts(ROOM) == [MEMBER_EVENTS.removed(ROOM, BOB)]
    assert await resolve(here.bus.members(APP, ROOM)) == [ANN]
    async with asyncio.timeout(DEADLINE_S):  # a burial takes its time
        while set(await resolve(here.bus.channels(APP, ""))) != {ROOM}:
            await asyncio.sleep(0.02)
        while await resolve(here.bus.connections(APP)):
            await asyncio.sleep(0.02)


async def test_whoever_says_goodbye_is_gone_at_once(each_broker: Cluster) -> None:
    here, there = await each_broker.node(), await each_broker.node()
    await here.enter(ROOM, ANN)
    await there.enter(ROOM, BOB)
    await has_received(here, 1)  # of bob
    here.received.clear()
    await there.bus.stop()
    await here.until(lambda: here.received)
    assert here.texts(ROOM) == [MEMBER_EVENTS.removed(ROOM, BOB)]


async def test_who_came_and_went_alone_during_an_outage_is_not_told_of_afterwards(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = await cluster.node(), await cluster.node()
    await here.enter(ROOM, BOB)
    await cluster.outage()
    await here.until(lambda: here.bus.degraded and there.bus.degraded)
    monkeypatch.setattr(brokered_bus, "BROKER_WAIT_S", 0.0)  # it is let in without the broker
    await there.enter(ROOM, ANN)
    there.bus.leave(APP, ROOM, "ann")
    await cluster.recover()
    await here.until(lambda: not (here.bus.degraded or there.bus.degraded))
    assert await resolve(here.bus.members(APP, ROOM)) == [BOB]
    await there.publish(b"end", ROOM)
    assert await texts_up_to(here, b"end", ROOM) == [b"end"]


async def test_who_goes_while_it_is_counted_after_an_outage_is_gone(
    each_broker: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = await each_broker.node(), await each_broker.node()
    await each_broker.outage()
    await here.until(lambda: here.bus.degraded and there.bus.degraded)
    monkeypatch.setattr(brokered_bus, "BROKER_WAIT_S", 0.0)  # it is let in without the broker
    await there.enter(ROOM, ANN)
    await each_broker.recover()
    await here.until(lambda: not (here.bus.degraded or there.bus.degraded))
    there.bus.leave(APP, ROOM, "ann")
    assert (await there.enter(ROOM, BOB)).members == [BOB]  # it is counted behind her
    assert await resolve(here.bus.describe(APP, [ROOM])) == [ChannelState(1, 1)]
    there.bus.leave(APP, ROOM, "bob")
    async with asyncio.timeout(DEADLINE_S):
        while await resolve(here.bus.channels(APP, "")):
            await asyncio.sleep(0.02)


# Rule 6: members and counts are those of all processes.


async def test_a_user_is_one_member_however_many_processes(each_broker: Cluster) -> None:
    nodes = [await each_broker.node() for _ in range(3)]
    await nodes[0].enter(ROOM, BOB)
    nodes[0].received.clear()
    for node in nodes:
        await node.enter(ROOM, ANN)
    assert sorted(await resolve(nodes[0].bus.members(APP, ROOM))) == [ANN, BOB]
    assert await resolve(nodes[0].bus.describe(APP, [ROOM])) == [ChannelState(4, 2)]
    for node in nodes:
        node.bus.leave(APP, ROOM, "ann")
    await nodes[0].until(lambda: MEMBER_EVENTS.removed(ROOM, ANN) in nodes[0].texts(ROOM))
    await nodes[1].publish(b"end", ROOM)
    assert await texts_up_to(nodes[0], b"end", ROOM) == [MEMBER_EVENTS.removed(ROOM, ANN), b"end"]


async def test_members_come_and_go_once_for_the_others(each_broker: Cluster) -> None:
    here, there = await each_broker.node(), await each_broker.node()
    await here.enter(ROOM, BOB)
    for _ in range(2):
        assert len((await there.enter(ROOM, ANN)).members) == 2
    for _ in range(2):
        there.bus.leave(APP, ROOM, "ann")
    gone = MEMBER_EVENTS.removed(ROOM, ANN)
    assert await texts_up_to(here, gone, ROOM) == [MEMBER_EVENTS.added(ROOM, ANN), gone]


async def test_the_limit_of_connections_counts_everywhere(each_broker: Cluster) -> None:
    nodes = [await each_broker.node() for _ in range(3)]
    granted = await asyncio.gather(*[resolve(node.bus.admit(APP, 5)) for node in nodes for _ in range(4)])
    assert sum(granted) == 5
    assert await resolve(nodes[0].bus.connections(APP)) == 5
    winner = nodes[granted.index(True) // 4]
    winner.bus.release(APP)
    await resolve(winner.bus.connections(APP))
    assert await resolve(nodes[2].bus.admit(APP, 5))


async def test_the_places_of_a_dead_process_are_free_again(each_broker: Cluster) -> None:
    here, there = await each_broker.node(), await each_broker.node()
    for node in (here, there, there):
        assert await resolve(node.bus.admit(APP, 3))
    assert not await resolve(here.bus.admit(APP, 3))
    await each_broker.kill(there)
    async with asyncio.timeout(DEADLINE_S):
        while await resolve(here.bus.connections(APP)) != 1:
            await asyncio.sleep(0.02)
    assert await resolve(here.bus.admit(APP, 3))
    assert await resolve(here.bus.admit(APP, 3))
    assert not await resolve(here.bus.admit(APP, 3))


async def test_a_place_is_refused_only_if_none_is_free_anywhere(each_broker: Cluster) -> None:
    """Whoever had it lent, took it or gave it back."""
    limit, random = 12, Random(14)
    nodes = [await each_broker.node() for _ in range(3)]
    counts = dict.fromkeys(range(3), 0)
    refused = 0
    for _ in range(400):
        number = random.randrange(3)
        bus, taken = nodes[number].bus, sum(counts.values())
        if random.random() < 0.6:
            granted = await resolve(bus.admit(APP, limit))
            assert granted == (taken < limit)
            counts[number] += granted
            refused += not granted
        elif counts[number]:
            bus.release(APP)
            counts[number] -= 1
            await resolve(bus.connections(APP))  # whose answer includes what this node has told
    assert 50 < refused < 200


async def test_never_more_than_the_limit_are_let_in_at_once(each_broker: Cluster) -> None:
    limit, nodes = 40, [await each_broker.node() for _ in range(3)]
    counts = [0, 0, 0]

    async def comes_and_goes(number: int, random: Random) -> None:
        bus = nodes[number].bus
        for _ in range(30):
            if await resolve(bus.admit(APP, limit)):
                counts[number] += 1
                assert sum(counts) <= limit
                for _ in range(random.randrange(20)):
                    await asyncio.sleep(0)
                counts[number] -= 1
                bus.release(APP)

    await asyncio.gather(*[comes_and_goes(number % 3, Random(number)) for number in range(60)])
    for number, node in enumerate(nodes):
        await resolve(node.bus.connections(APP))
        assert node.bus.local_view.connections(APP) == counts[number] == 0
    granted = await asyncio.gather(*[resolve(nodes[n % 3].bus.admit(APP, limit)) for n in range(60)])
    assert sum(granted) == limit
