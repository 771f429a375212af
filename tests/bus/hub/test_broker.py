"""Rule 7: nothing that arrives on the bus can crash a process or run code."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revurb.bus.brokered import broker_messages as m
from revurb.bus.hub.broker import Broker
from revurb.bus.hub.framing import MAX_MESSAGE_BYTES, FramingError, MessageSplitter, encode_frame
from revurb.bus.hub.peer import Peer
from revurb.bus.redis.envelope import Envelope, StreamId, unpack
from revurb.bus.redis.incoming_events import IncomingEvents
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import Member
from tests.bus.engines import APP, RedisCluster, resolve
from tests.conftest import Need, Run
from tests.pusher.room import Clock
from tests.redis_server import RedisServer

anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=20,
)


class MemoryWriter:
    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def close(self) -> None:
        self.closed = True


def a_broker() -> Broker:
    return Broker(MEMBER_EVENTS, Clock(), lease_s=5)


def greeted(broker: Broker, node: str = "w1") -> Peer:
    peer = Peer(MemoryWriter(), 0)
    broker.receive(peer, [m.encode(m.Hello(node, "", 0, {}, [], [], []))])
    return peer


@given(bodies=st.lists(st.binary(max_size=200), max_size=10))
def test_the_broker_takes_any_bytes(bodies: list[bytes]) -> None:
    broker = a_broker()
    peer = greeted(broker)
    broker.receive(peer, bodies)
    broker.receive(greeted(broker, "w2"), [m.encode(m.Publish(1, APP, "news", b"x", None, 0))])


@given(values=st.lists(st.lists(anything, max_size=9), max_size=10), tag=st.integers(0, 18))
@settings(max_examples=300)
def test_the_broker_takes_any_message(values: list[list[object]], tag: int) -> None:
    broker = a_broker()
    peer = greeted(broker)
    broker.receive(peer, [msgspec.msgpack.encode([tag, *value]) for value in values])
    broker.tick()


def test_nothing_is_done_for_someone_who_has_not_said_who_it_is() -> None:
    broker = a_broker()
    peer = Peer(MemoryWriter(), 0)
    broker.receive(peer, [m.encode(m.Publish(1, APP, "news", b"x", None, 0)), m.encode(m.HeartbeatRequest())])
    assert broker.invalid_messages == 2


def test_deeply_nested_messages_are_refused() -> None:
    broker = a_broker()
    broker.receive(greeted(broker), [b"\x91" * 100_000])
    assert broker.invalid_messages == 1


def test_leaving_what_was_never_entered_changes_nothing() -> None:
    broker = a_broker()
    peer = greeted(broker)
    ann = Member("ann", b'"ann"', b"null")
    for message in (
        m.Leave(APP, "presence-x", 0, ann),
        m.SubscriberCount(APP, "news", 0),
        m.Unsubscribe(APP, "news"),
        m.ConnectionCount(APP, -5, -5),
        m.SurveyReply(99, b"x"),
        m.Goodbye(),
        m.Goodbye(),
    ):
        broker.receive(peer, [m.encode(message)])


@given(data=st.binary(max_size=300), cut=st.integers(0, 300))
def test_framing_takes_any_bytes_in_any_chunks(data: bytes, cut: int) -> None:
    unpacker = MessageSplitter()
    try:
        unpacker.feed(data[:cut])
        unpacker.feed(data[cut:])
    except FramingError:
        pass


@pytest.mark.parametrize("length", [0, MAX_MESSAGE_BYTES + 1, 2**32 - 1])
def test_a_length_that_is_not_to_be_ends_the_connection(length: int) -> None:
    with pytest.raises(FramingError):
        MessageSplitter().feed(struct.pack(">IB", length, m.VERSION))


def test_another_version_is_skipped_and_counted() -> None:
    unpacker = MessageSplitter()
    beat = encode_frame(m.HeartbeatRequest())
    other = beat[:4] + bytes([m.VERSION + 1]) + beat[5:]
    assert unpacker.feed(other + beat) == [beat[5:]]
    assert unpacker.other_versions == 1


@given(data=st.binary(max_size=200))
def test_incoming_takes_any_bytes(data: bytes) -> None:
    got: list[Envelope] = []
    incoming = IncomingEvents(lambda number, position, envelope: got.append(envelope))
    incoming.receive_event(1, data)
    incoming.receive_event(1, b"5-0\n" + data)
    incoming.receive_event(1, data + b"\n" + data)
    incoming.receive_marker(1, data)
    assert incoming.invalid_messages + len(got) >= 2


@given(value=st.lists(anything, max_size=8))
def test_envelopes_are_read_or_refused(value: list[object]) -> None:
    with contextlib.suppress(ValueError):
        unpack(msgspec.msgpack.encode(value))


def test_an_older_position_is_not_passed_on() -> None:
    got: list[StreamId] = []
    incoming = IncomingEvents(lambda number, position, envelope: got.append(position))
    event = msgspec.msgpack.encode([1, "n", 1, APP, "news", b"x", None])
    for stream_id in (b"5-0", b"5-0", b"4-9", b"5-1"):
        incoming.receive_event(1, stream_id + b"\n" + event)
    assert got == [StreamId(5, 0), StreamId(5, 1)]


def test_garbage_on_redis_hurts_nobody(run: Run, need: Need, tmp_path: Path) -> None:
    async def main() -> None:
        server = RedisServer(need("redis-server"), tmp_path)
        cluster = RedisCluster(server)
        node, other = await cluster.node(), await cluster.node()
        await node.enter()
        await other.enter("presence-x", Member("ann", b'"ann"', b"null"))
        async with server.client() as client:
            channels = await client.pubsub_channels("revurb:*")
            assert len(channels) >= 5
            for channel in channels:
                for data in (
                    b"",
                    b"\n",
                    b"x",
                    b"1-1\n",
                    b"99999999999999-0\n\x91",
                    b"\xff" * 1000,
                    b"5",
                    b"-1-1\nx",
                ):
                    await client.publish(channel, data)
        await node.publish(b"after")
        await node.until(lambda: node.texts())
        assert node.texts() == [b"after"]
        assert len(await resolve(other.bus.members(APP, "presence-x"))) == 1
        assert node.bus.degraded is None
        await cluster.close()
        await asyncio.sleep(0)

    run(main())
