"""What every engine does where there is one node."""

from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import ChannelSnapshot, ChannelState, Member
from tests.bus.engines import APP, NodeGroup, resolve

ANN = Member("ann", b'"ann"', b'{"tab":1}')
BOB = Member("bob", b'"bob"', b"null")
ROOM = "presence-room"


async def test_an_event_reaches_the_subscriber(any_cluster: NodeGroup) -> None:
    node = await any_cluster.node()
    await node.enter()
    await node.publish(b"1")
    await node.publish(b"2", except_socket_id="1.1")
    await node.until(lambda: len(node.received) == 2)
    assert node.received == [("news", b"1", None), ("news", b"2", "1.1")]


async def test_a_channel_counts_its_subscribers(any_cluster: NodeGroup) -> None:
    node = await any_cluster.node()
    bus = node.bus
    for _ in range(3):
        await node.enter()
    await node.enter("other")
    assert await resolve(bus.describe(APP, ["news", "none"])) == [ChannelState(3, 0), ChannelState()]
    assert set(await resolve(bus.channels(APP, ""))) == {"news", "other"}
    assert set(await resolve(bus.channels(APP, "ne"))) == {"news"}
    assert dict(await resolve(bus.channels("app2", ""))) == {}
    for _ in range(3):
        bus.leave(APP, "news", None)
    assert set(await resolve(bus.channels(APP, ""))) == {"other"}


async def test_the_joiner_sees_everyone_and_everyone_hears_of_the_joiner(any_cluster: NodeGroup) -> None:
    node = await any_cluster.node()
    assert await node.enter(ROOM, ANN) == ChannelSnapshot([ANN])
    entering = node.enter(ROOM, BOB)
    heard_before = len(node.received)
    assert heard_before == 0
    assert list((await entering).members) == [ANN, BOB]
    assert await resolve(node.bus.members(APP, ROOM)) == [ANN, BOB]
    assert await resolve(node.bus.describe(APP, [ROOM])) == [ChannelState(2, 2)]
    node.bus.leave(APP, ROOM, "ann")
    await node.until(lambda: node.received)
    assert node.texts(ROOM) == [MEMBER_EVENTS.removed(ROOM, ANN)]
    assert await resolve(node.bus.members(APP, ROOM)) == [BOB]


async def test_a_user_is_one_member_and_the_info_seen_first_stays(any_cluster: NodeGroup) -> None:
    node = await any_cluster.node()
    await node.enter(ROOM, BOB)
    await node.enter(ROOM, ANN)
    again = await node.enter(ROOM, Member("ann", b'"ann"', b'{"tab":2}'))
    assert list(again.members) == [BOB, ANN]
    assert await resolve(node.bus.describe(APP, [ROOM])) == [ChannelState(3, 2)]
    node.bus.leave(APP, ROOM, "ann")
    await node.publish(b"still", ROOM)
    await node.until(lambda: node.received)
    assert node.texts(ROOM) == [b"still"]  # nobody has left yet
    node.bus.leave(APP, ROOM, "ann")
    await node.until(lambda: len(node.received) == 2)
    assert node.texts(ROOM)[1] == MEMBER_EVENTS.removed(ROOM, ANN)


async def test_the_last_event_is_remembered(any_cluster: NodeGroup) -> None:
    node = await any_cluster.node()
    assert (await node.enter("cache-a", want_cached=True)).cached is None
    await node.publish(b"1", "cache-a", cache_ttl_s=60)
    await node.publish(b"2", "cache-a", cache_ttl_s=60)
    await node.publish(b"not to be remembered", "cache-a")
    assert (await node.enter("cache-a", want_cached=True)).cached == b"2"
    for _ in range(2):
        node.bus.leave(APP, "cache-a", None)
    assert (await node.enter("cache-a", want_cached=True)).cached == b"2"  # nobody was there in between
    [state] = await resolve(node.bus.describe(APP, ["cache-a"]))
    assert state.cached is not None
    assert 59 <= state.cached.ttl_s <= 60


async def test_connections_are_counted_and_limited(any_cluster: NodeGroup) -> None:
    node = await any_cluster.node()
    assert await resolve(node.bus.admit(APP, None))
    assert await resolve(node.bus.admit(APP, 2))
    assert not await resolve(node.bus.admit(APP, 2))
    assert await resolve(node.bus.admit("app2", 2))
    assert await resolve(node.bus.connections(APP)) == 2
    node.bus.release(APP)
    assert await resolve(node.bus.connections(APP)) == 1
    assert await resolve(node.bus.admit(APP, 2))


async def test_terminating_reaches_oneself(any_cluster: NodeGroup) -> None:
    node = await any_cluster.node()
    assert await resolve(node.bus.admit(APP, None))
    await resolve(node.bus.terminate(APP, "ann"))
    await node.until(lambda: node.terminated)
    assert node.terminated == ["ann"]


async def test_a_survey_of_one(any_cluster: NodeGroup) -> None:
    node = await any_cluster.node()
    assert await resolve(node.bus.survey(b"who?", 5)) == [b"who? node0"]


async def test_nothing_is_wrong(any_cluster: NodeGroup) -> None:
    node = await any_cluster.node()
    assert node.bus.degraded is None


async def test_its_topics_are_counted(any_cluster: NodeGroup) -> None:
    node = await any_cluster.node()
    assert node.bus.health.topics == 0
    for channel in ("news", "news", ROOM):
        await node.enter(channel)
    health = node.bus.health
    assert (health.topics, health.waiting, health.dropped, health.missed) == (2, 0, 0, 0)
