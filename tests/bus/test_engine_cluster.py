"""What every engine does where there are several nodes: the numbered rules of the bus, but for those about who is
there (`test_engine_members.py`)."""

import asyncio

import pytest

from revurb.bus.brokered import brokered_bus, held_counts, subscriptions
from revurb.bus.engine import BusHealth
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import ChannelState, PublishedEvent
from tests.bus.engines import (
    ANN,
    APP,
    BOB,
    DEADLINE_S,
    ROOM,
    BusNode,
    Cluster,
    has_received,
    resolve,
    texts_up_to,
)


async def is_connected(node: BusNode) -> None:
    await node.until(lambda: not node.bus.degraded)


async def is_terminated(node: BusNode, user_id: str) -> None:
    await node.until(lambda: node.terminated == [user_id])


# Rule 1: a process hears the topics it subscribed to, from the moment that its subscriber was told so.


async def test_events_go_where_they_are_wanted(each_broker: Cluster) -> None:
    here, there, elsewhere = [await each_broker.node() for _ in range(3)]
    await there.enter("news")
    await elsewhere.enter("other")
    await here.publish(b"1", except_socket_id="7.7")
    await here.publish(b"2", "other")
    await there.until(lambda: there.received)
    await elsewhere.until(lambda: elsewhere.received)
    assert there.received == [("news", b"1", "7.7")]
    assert elsewhere.received == [("other", b"2", None)]
    assert here.received == []


async def test_events_cost_nothing_where_nobody_wants_them(each_broker: Cluster) -> None:
    nodes = [await each_broker.node() for _ in range(3)]
    publisher, _, bystander = nodes
    channels = 1000
    for number in range(
        channels
    ):  # the publisher has none of them, the second two thirds, the third the rest
        await nodes[1 if number % 3 else 2].enter(f"c{number}")
    publications = [
        publisher.bus.publish(PublishedEvent(APP, f"c{number}", b"x")) for number in range(channels)
    ]
    for accepted in publications:
        await resolve(accepted)
    thirds = len(range(0, channels, 3))
    await has_received(nodes[1], channels - thirds)
    await bystander.until(lambda: bystander.bus.received == thirds)
    assert [node.bus.received for node in nodes] == [0, channels - thirds, thirds]
    await publisher.publish(b"y", "c1")
    await nodes[1].until(lambda: nodes[1].texts("c1")[-1] == b"y")
    assert [node.bus.received for node in nodes] == [0, channels - thirds + 1, thirds]


async def test_an_event_published_after_the_reply_is_never_missed(each_broker: Cluster) -> None:
    here, there = await each_broker.node(), await each_broker.node()
    for number in range(50):
        channel = f"c{number}"
        await there.enter(channel)
        await here.publish(b"x", channel)
        await there.until(lambda: there.received)
        there.received.clear()


async def test_whoever_left_hears_no_more_and_can_come_back(each_broker: Cluster) -> None:
    here, there = await each_broker.node(), await each_broker.node()
    await there.enter()
    there.bus.leave(APP, "news", None)
    await there.enter()
    await here.publish(b"1")
    await there.until(lambda: there.received)
    there.bus.leave(APP, "news", None)
    assert await resolve(there.bus.channels(APP, "")) == {}
    assert await resolve(here.bus.channels(APP, "")) == {}


async def test_whoever_comes_back_hears_within_the_linger_and_after_it(
    each_broker: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "LINGER_S", 0.1)
    here, there = await each_broker.node(), await each_broker.node()
    await there.enter()
    assert there.bus.health.topics == 1
    there.bus.leave(APP, "news", None)
    await there.enter()  # nobody was asked, since the node is subscribed still
    await here.publish(b"within")
    assert await texts_up_to(there, b"within") == [b"within"]
    await asyncio.sleep(0.15)
    assert there.bus.health.topics == 1  # the linger of the one who came back is over
    there.bus.leave(APP, "news", None)
    await there.until(lambda: there.bus.health.topics == 0)
    received = there.bus.received
    await here.publish(b"to nobody")
    await there.enter()
    await here.publish(b"after")
    assert await texts_up_to(there, b"after") == [b"after"]
    assert there.bus.received == received + 1  # not the one of the time between


# Rule 2: one order for all.


async def test_everyone_hears_the_same_order(each_broker: Cluster) -> None:
    nodes = [await each_broker.node() for _ in range(3)]
    for node in nodes:
        await node.enter()

    async def publish_numbers(node: BusNode) -> None:
        for number in range(100):
            await node.publish(f"{node.name} {number}".encode())

    await asyncio.gather(*map(publish_numbers, nodes))
    for node in nodes:
        await has_received(node, 300)
    assert nodes[0].received == nodes[1].received == nodes[2].received


async def test_one_after_the_other_stays_one_after_the_other(each_broker: Cluster) -> None:
    nodes = [await each_broker.node() for _ in range(3)]
    await nodes[2].enter()
    for number in range(100):
        await nodes[number % 2].publish(b"%d" % number)
    assert await texts_up_to(nodes[2], b"99") == [b"%d" % number for number in range(100)]


# Rules 3 and 4: what connects the processes is gone, and comes back.


async def test_without_the_others_ones_own_clients_are_served(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    node, other = await cluster.node(), await cluster.node()
    await node.enter()
    await other.enter()
    await cluster.outage()
    await node.publish(b"1")
    await node.until(lambda: node.bus.degraded)
    assert node.texts() == [b"1"]
    await node.publish(b"2")
    assert node.texts() == [b"1", b"2"]
    monkeypatch.setattr(brokered_bus, "BROKER_WAIT_S", 0.5)
    assert (await node.enter("later")).cached is None
    await node.publish(b"3", "later")
    assert node.texts("later") == [b"3"]
    assert await resolve(node.bus.connections(APP)) == 0


async def test_what_was_published_meanwhile_comes_once_and_in_order(cluster: Cluster) -> None:
    nodes = [await cluster.node() for _ in range(3)]
    for node in nodes:
        await node.enter()
    for number in range(200):
        await nodes[0].publish(b"%d" % number)
        if number == 60:
            # A Redis that dies with its data may take with it what it has accepted and not yet sent to everybody.
            for node in nodes:
                await has_received(node, 61)
            await cluster.outage()
        if number == 120:
            await cluster.recover()
    for node in nodes:
        assert await texts_up_to(node, b"199") == [b"%d" % number for number in range(200)]
        await is_connected(node)


async def test_everyone_is_still_there_afterwards(cluster: Cluster) -> None:
    here, there = await cluster.node(), await cluster.node()
    await here.enter(ROOM, ANN)
    await there.enter(ROOM, BOB)
    await here.enter("news")
    assert await resolve(there.bus.admit(APP, None))
    await here.publish(b"kept", "cache-a", cache_ttl_s=60)
    await cluster.outage()
    await here.until(lambda: here.bus.degraded)
    await cluster.recover()
    await is_connected(here)
    await is_connected(there)
    assert sorted(await resolve(here.bus.members(APP, ROOM))) == [ANN, BOB]
    assert await resolve(here.bus.describe(APP, [ROOM, "news"])) == [ChannelState(2, 2), ChannelState(1, 0)]
    assert await resolve(here.bus.connections(APP)) == 1
    assert (await there.enter("cache-a", want_cached=True)).cached == b"kept"
    await here.publish(b"end", ROOM)
    assert await texts_up_to(there, b"end", ROOM) == [b"end"]  # nobody came or went


async def test_many_channels_are_heard_of_afterwards(cluster: Cluster) -> None:
    """More than a Redis Cluster has slots for them: some share one, some share a server."""
    here, there = await cluster.node(), await cluster.node()
    channels = [f"c{number}" for number in range(100)]
    for channel in channels:
        await there.enter(channel)
    await cluster.outage()
    await there.until(lambda: there.bus.degraded)
    await cluster.recover()
    await is_connected(there)
    await is_connected(here)
    for channel in channels:
        await here.publish(b"x", channel)
    await has_received(there, len(channels))
    assert sorted(name for name, _, _ in there.received) == sorted(channels)


async def test_who_left_meanwhile_is_told_of_afterwards(cluster: Cluster) -> None:
    here, there = await cluster.node(), await cluster.node()
    await here.enter(ROOM, ANN)
    await there.enter(ROOM, BOB)
    await has_received(here, 1)  # of bob
    here.received.clear()
    await cluster.outage()
    await there.until(lambda: there.bus.degraded)
    await cluster.recover()
    there.bus.leave(APP, ROOM, "bob")
    await here.until(lambda: here.received)
    assert here.texts(ROOM) == [MEMBER_EVENTS.removed(ROOM, BOB)]
    assert await resolve(here.bus.members(APP, ROOM)) == [ANN]


# What else is everyone's.


async def test_cached_events_are_everyones(each_broker: Cluster) -> None:
    here, there = await each_broker.node(), await each_broker.node()
    await here.publish(b"1", "cache-a", cache_ttl_s=60)
    assert (await there.enter("cache-a", want_cached=True)).cached == b"1"


async def test_terminating_reaches_everyone(each_broker: Cluster) -> None:
    nodes = [await each_broker.node() for _ in range(3)]
    for node in nodes:
        assert await resolve(node.bus.admit(APP, None))
    assert await resolve(nodes[0].bus.connections(APP)) >= 1
    await resolve(nodes[0].bus.terminate(APP, "ann"))
    for node in nodes:
        await is_terminated(node, "ann")


async def test_a_survey_asks_everyone_and_waits_no_longer_than_its_deadline(cluster: Cluster) -> None:
    nodes = [await cluster.node() for _ in range(3)]
    everyone = [b"who? node0", b"who? node1", b"who? node2"]
    assert sorted(await resolve(nodes[1].bus.survey(b"who?", 5))) == everyone
    await cluster.outage()
    await nodes[1].until(lambda: nodes[1].bus.degraded)
    assert await resolve(nodes[1].bus.survey(b"who?", 0.1)) == []


async def test_everyone_knows_how_well_it_keeps_up(cluster: Cluster) -> None:
    here, there = await cluster.node(), await cluster.node()
    for channel in ("a", "b"):
        await there.enter(channel)
    await there.until(lambda: there.bus.health.lag_s is not None)
    health = there.bus.health
    assert 0 <= health.lag_s < DEADLINE_S
    assert health._replace(lag_s=None) == BusHealth(topics=2)
    accepted = [here.bus.publish(PublishedEvent(APP, "a", b"%d" % number)) for number in range(3)]
    assert here.bus.health.waiting == (0 if here.bus._log is not None else 3)  # a log accepts at once
    for each in accepted:
        await resolve(each)
    assert here.bus.health.waiting == 0
    await cluster.outage()
    await here.until(lambda: here.bus.degraded)
    await here.publish(b"later", "a")
    assert here.bus.health.waiting == (0 if here.bus._log is not None else 1)


# A node whose clients do not take what waits for them already receives nothing more until they have.


async def test_a_node_that_is_held_gets_everything_afterwards(each_broker: Cluster) -> None:
    here, there = await each_broker.node(), await each_broker.node()
    await there.enter("news")
    await here.publish(b"before")
    await texts_up_to(there, b"before")
    there.bus.hold_receiving(True)
    await asyncio.gather(*(here.publish(b"%d" % number) for number in range(100)))
    assert len(there.received) <= 2  # a listener may have one more message on its way when it is told
    there.bus.hold_receiving(False)
    assert await texts_up_to(there, b"99") == [b"before", *(b"%d" % number for number in range(100))]


async def test_counts_that_change_often_are_everyones_when_they_are_asked_for(
    each_broker: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the engine tells them often, or makes those tell that have something to tell."""
    monkeypatch.setattr(held_counts, "TELL_EVERY_S", 1000.0)
    changing, asking = await each_broker.node(), await each_broker.node()
    await changing.enter()
    for _ in range(30):
        await changing.enter()
        changing.bus.admit(APP, None)
        await asyncio.sleep(0)
        changing.bus.leave(APP, "news", None)
        changing.bus.release(APP)
    for number in range(3, 8):
        await changing.enter()
        await changing.enter()
        changing.bus.leave(APP, "news", None)
        changing.bus.admit(APP, None)
        states = [ChannelState()]
        async with asyncio.timeout(DEADLINE_S):
            while states[0].subscription_count != number - 1:
                states = await resolve(asking.bus.describe(APP, ["news"]))
            assert await resolve(asking.bus.channels(APP, "news")) == {"news": states[0]}
            while await resolve(asking.bus.connections(APP)) != number - 2:
                pass
