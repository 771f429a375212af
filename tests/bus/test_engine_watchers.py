"""What every engine does about subscribers who watch the members of a channel without being one: rule 8 of the bus.

A watcher is told at first who is there, and then of each who comes and goes, once, whichever node it is on, and
whatever happens to nodes and broker.
"""

from __future__ import annotations

import pytest

from revurb.bus.brokered import brokered_bus
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import EnterRequest, Member
from tests.bus.engines import APP, BOB, Cluster, NodeGroup, has_received, resolve, texts_up_to

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


async def test_a_user_of_several_nodes_comes_and_goes_once(cluster: Cluster) -> None:
    watcher, *others = [await cluster.node() for _ in range(3)]
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


async def test_who_watches_hears_who_comes(cluster: Cluster) -> None:
    here, there = await cluster.node(), await cluster.node()
    await here.enter(CHANNEL, want_members=True)
    for _ in range(2):
        await there.enter(CHANNEL, ANN)
    await there.publish(b"end", CHANNEL)
    assert await texts_up_to(here, b"end", CHANNEL) == [ONLINE, b"end"]


async def test_a_user_goes_with_its_node_when_the_lease_ends(cluster: Cluster) -> None:
    here, there = await cluster.node(), await cluster.node()
    await here.enter(CHANNEL, want_members=True)
    await there.enter(CHANNEL, ANN)
    await has_received(here, 1)
    await cluster.kill(there)
    await has_received(here, 2)
    assert here.texts(CHANNEL) == [ONLINE, OFFLINE]
    assert (await here.enter(CHANNEL, want_members=True)).members == []


async def test_a_user_stays_while_another_node_has_it(cluster: Cluster) -> None:
    here, there, dead = [await cluster.node() for _ in range(3)]
    await here.enter(CHANNEL, want_members=True)
    await there.enter(CHANNEL, ANN)
    await dead.enter(CHANNEL, ANN)
    await dead.enter("#online-bob", BOB)
    await here.enter("#online-bob", want_members=True)
    here.received.clear()
    await cluster.kill(dead)
    await here.until(lambda: here.texts("#online-bob"))
    assert here.texts(CHANNEL) == []
    assert (await here.enter(CHANNEL, want_members=True)).members == [ANN]


async def test_what_changes_in_an_outage_is_told_once(cluster: Cluster) -> None:
    here, there = await cluster.node(), await cluster.node()
    await here.enter(CHANNEL, want_members=True)
    await there.enter("#online-bob", BOB)
    await here.enter("#online-bob", want_members=True)
    await cluster.outage()
    await here.until(lambda: here.bus.degraded and there.bus.degraded)
    there.bus.leave(APP, "#online-bob", "bob")
    there.bus.enter(EnterRequest(APP, CHANNEL, ANN, ONLINE, False), lambda snapshot: None)
    await cluster.recover()
    await here.until(lambda: not (here.bus.degraded or there.bus.degraded))
    await here.until(lambda: len(here.received) >= 2)
    for channel in (CHANNEL, "#online-bob"):
        await there.publish(b"end", channel)
        await texts_up_to(here, b"end", channel)
    assert here.texts(CHANNEL) == [ONLINE, b"end"]
    assert here.texts("#online-bob") == [MEMBER_EVENTS.removed("#online-bob", BOB), b"end"]


async def test_who_begins_to_watch_in_an_outage_is_told_of_the_others_afterwards(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = await cluster.node(), await cluster.node()
    await there.enter(CHANNEL, ANN)
    await here.enter("#online-bob", BOB)
    await cluster.outage()
    await here.until(lambda: here.bus.degraded and there.bus.degraded)
    monkeypatch.setattr(brokered_bus, "BROKER_WAIT_S", 0.0)  # it is let in without the broker
    assert (await here.enter(CHANNEL, want_members=True)).members == []
    assert (await here.enter("#online-bob", want_members=True)).members == [BOB]
    await cluster.recover()
    await here.until(lambda: not (here.bus.degraded or there.bus.degraded))
    await here.until(lambda: here.received)
    for channel in (CHANNEL, "#online-bob"):
        await there.publish(b"end", channel)
        await texts_up_to(here, b"end", channel)
    assert here.texts(CHANNEL) == [ONLINE, b"end"]
    assert here.texts("#online-bob") == [b"end"]
