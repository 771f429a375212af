"""What every engine does about subscribers who watch the members of a channel without being one: rule 8 of the bus.

A watcher is told at first who is there, and then of each who comes and goes, once, whichever node it is on, and
whatever happens to nodes and broker.
"""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from revurb.bus.brokered import brokered_bus
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import ChannelSnapshot, EnterRequest, Member
from tests.bus.engines import (
    APP,
    BOB,
    DEADLINE_S,
    BusNode,
    Cluster,
    NodeGroup,
    has_received,
    resolve,
    texts_up_to,
)

ANN = Member("ann", b'"ann"', b"null")
CHANNEL = "#online-ann"
ONLINE, OFFLINE = MEMBER_EVENTS.added(CHANNEL, ANN), MEMBER_EVENTS.removed(CHANNEL, ANN)


async def test_a_watcher_on_a_single_node(any_cluster: NodeGroup) -> None:
    node = await any_cluster.node()
    assert (await node.enter(CHANNEL, want_members=True)).members == []
    await node.enter(CHANNEL, ANN)
    node.received.clear()
    assert list((await node.enter(CHANNEL, want_members=True)).members) == [ANN]
    await node.enter(CHANNEL, ANN)
    node.bus.leave(APP, CHANNEL, "ann")
    node.bus.leave(APP, CHANNEL, None)
    assert node.received == []
    node.bus.leave(APP, CHANNEL, "ann")
    await has_received(node, 1)
    assert node.texts(CHANNEL) == [OFFLINE]


async def test_who_does_not_ask_is_not_told_at_first(any_cluster: NodeGroup) -> None:
    node = await any_cluster.node()
    await node.enter(CHANNEL, ANN)
    assert list((await node.enter(CHANNEL)).members) == []


async def test_a_user_of_several_nodes_comes_and_goes_once(each_broker: Cluster) -> None:
    watcher, *others = [await each_broker.node() for _ in range(3)]
    assert (await watcher.enter(CHANNEL, want_members=True)).members == []
    for node in others:
        await node.enter(CHANNEL, ANN)
        await node.enter(CHANNEL, ANN)
    # The second watcher of a node, whose topic is known there, is told as well.
    assert (await watcher.enter(CHANNEL, want_members=True)).members == [ANN]
    for node, left in zip(others, ([ANN], []), strict=True):
        assert watcher.received == []
        for _ in range(2):
            node.bus.leave(APP, CHANNEL, "ann")
        assert await resolve(node.bus.members(APP, CHANNEL)) == left
    await others[0].publish(b"end", CHANNEL)
    assert await texts_up_to(watcher, b"end", CHANNEL) == [OFFLINE, b"end"]


async def test_who_watches_hears_who_comes(each_broker: Cluster) -> None:
    here, there = await each_broker.node(), await each_broker.node()
    await here.enter(CHANNEL, want_members=True)
    for _ in range(2):
        await there.enter(CHANNEL, ANN)
    await there.publish(b"end", CHANNEL)
    assert await texts_up_to(here, b"end", CHANNEL) == [ONLINE, b"end"]


async def test_a_user_goes_with_its_node_when_the_lease_ends(each_broker: Cluster) -> None:
    here, there = await each_broker.node(), await each_broker.node()
    await here.enter(CHANNEL, want_members=True)
    await there.enter(CHANNEL, ANN)
    await has_received(here, 1)
    await each_broker.kill(there)
    await has_received(here, 2)
    assert here.texts(CHANNEL) == [ONLINE, OFFLINE]
    assert (await here.enter(CHANNEL, want_members=True)).members == []


async def test_a_user_stays_while_another_node_has_it(each_broker: Cluster) -> None:
    here, there, dead = [await each_broker.node() for _ in range(3)]
    await here.enter(CHANNEL, want_members=True)
    await there.enter(CHANNEL, ANN)
    await dead.enter(CHANNEL, ANN)
    await dead.enter("#online-bob", BOB)
    await here.enter("#online-bob", want_members=True)
    here.received.clear()
    await each_broker.kill(dead)
    await here.until(lambda: here.texts("#online-bob"))
    assert here.texts(CHANNEL) == []
    assert (await here.enter(CHANNEL, want_members=True)).members == [ANN]


async def test_what_changes_in_an_outage_is_told_once(each_broker: Cluster) -> None:
    here, there = await each_broker.node(), await each_broker.node()
    await here.enter(CHANNEL, want_members=True)
    await there.enter("#online-bob", BOB)
    await here.enter("#online-bob", want_members=True)
    await each_broker.outage()
    await here.until(lambda: here.bus.degraded and there.bus.degraded)
    there.bus.leave(APP, "#online-bob", "bob")
    there.bus.enter(EnterRequest(APP, CHANNEL, ANN, ONLINE, False), lambda snapshot: None)
    await each_broker.recover()
    await here.until(lambda: not (here.bus.degraded or there.bus.degraded))
    await here.until(lambda: len(here.received) >= 2)
    for channel in (CHANNEL, "#online-bob"):
        await there.publish(b"end", channel)
        await texts_up_to(here, b"end", channel)
    assert here.texts(CHANNEL) == [ONLINE, b"end"]
    assert here.texts("#online-bob") == [MEMBER_EVENTS.removed("#online-bob", BOB), b"end"]


async def test_who_begins_to_watch_in_an_outage_is_told_of_the_others_afterwards(
    each_broker: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = await each_broker.node(), await each_broker.node()
    await there.enter(CHANNEL, ANN)
    await here.enter("#online-bob", BOB)
    await each_broker.outage()
    await here.until(lambda: here.bus.degraded and there.bus.degraded)
    monkeypatch.setattr(brokered_bus, "BROKER_WAIT_S", 0.0)  # it is let in without the broker
    assert (await here.enter(CHANNEL, want_members=True)).members == []
    assert (await here.enter("#online-bob", want_members=True)).members == [BOB]
    await each_broker.recover()
    await here.until(lambda: not (here.bus.degraded or there.bus.degraded))
    await here.until(lambda: here.received)
    for channel in (CHANNEL, "#online-bob"):
        await there.publish(b"end", channel)
        await texts_up_to(here, b"end", channel)
    assert here.texts(CHANNEL) == [ONLINE, b"end"]
    assert here.texts("#online-bob") == [b"end"]


async def test_what_watchers_were_told_is_the_truth(each_broker: Cluster) -> None:
    """Users of three nodes come and go, while the broker goes and comes back."""
    random, nodes = Random(8), [await each_broker.node() for _ in range(3)]
    users = [Member(name, b'"%b"' % name.encode(), b"null") for name in ("ann", "bob", "cem")]
    for node in nodes:
        for user in users:
            await node.enter(f"#online-{user.user_id}", want_members=True)
    connections: list[tuple[BusNode, Member]] = []
    entering: list[asyncio.Future[ChannelSnapshot]] = []

    def come(node: BusNode, user: Member) -> None:
        entered: asyncio.Future[ChannelSnapshot] = asyncio.get_running_loop().create_future()
        entered.add_done_callback(lambda done: connections.append((node, user)))
        channel = f"#online-{user.user_id}"
        request = EnterRequest(APP, channel, user, MEMBER_EVENTS.added(channel, user), False)
        node.bus.enter(request, entered.set_result)
        entering.append(entered)

    for number in range(300):
        if number == 100:
            await each_broker.outage()
            await nodes[0].until(lambda: all(node.bus.degraded for node in nodes))
        elif number == 150:
            await each_broker.recover()
            await nodes[0].until(lambda: not any(node.bus.degraded for node in nodes))
        if connections and random.random() < 0.5:
            node, user = connections.pop(random.randrange(len(connections)))
            node.bus.leave(APP, f"#online-{user.user_id}", user.user_id)
        else:
            come(random.choice(nodes), random.choice(users))
        if random.random() < 0.3:
            await asyncio.sleep(0)
    async with asyncio.timeout(DEADLINE_S):
        await asyncio.gather(*entering)
    there = {user.user_id for _, user in connections}
    for user in users:
        await _is_told_truly(nodes, user, user.user_id in there)


async def _is_told_truly(nodes: list[BusNode], user: Member, is_online: bool) -> None:
    """Wait until what each node was told at last is so. (Where a Redis has lost its memory, that a user is online may
    be told twice: as `member_added` is, if it comes to a second node before the first one has reported it again.)"""
    channel = f"#online-{user.user_id}"
    for node in nodes:  # what it had to say has been heard then
        assert await resolve(node.bus.members(APP, channel)) == ([user] if is_online else [])
    online, offline = MEMBER_EVENTS.added(channel, user), MEMBER_EVENTS.removed(channel, user)

    def last_told(node: BusNode) -> bytes:
        return (node.texts(channel) or [offline])[-1]

    await nodes[0].until(lambda: all((last_told(node) == online) == is_online for node in nodes))
