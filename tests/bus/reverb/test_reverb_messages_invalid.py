"""Whatever anyone publishes on the channel: it is refused and counted, and the nodes go on. A PHP node would end on
most of it.
"""

from __future__ import annotations

import contextlib
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revurb.bus.reverb import reverb_messages
from revurb.bus.reverb.message_parts import InvalidReverbMessage
from revurb.bus.reverb.reverb_messages import read
from revurb.pusher.ports import DeliverableEvent, PublishedEvent
from tests.bus.engines import BusNode
from tests.bus.reverb.arbitrary import unhurried
from tests.bus.reverb.conftest import MixedCluster
from tests.bus.reverb.php_node import CAPTURES, captured
from tests.bus.reverb.wording import only_id

APP = only_id("app1")


def of_app(type: str, payload: str) -> str:
    return f'{{"type":"{type}","application":"{APP}","payload":{payload}}}'


GARBAGE = {
    "nothing": "",
    "text": "hello",
    "a string": '"hello"',
    "a number": "5",
    "null": "null",
    "an object": "{}",
    "a list": "[]",
    "a type that is none": '{"type":5}',
    "no application": '{"type":"message","payload":{"event":"e","channels":["pub"],"data":"1"}}',
    "an id": '{"type":"message","application":"app1","payload":{"event":"e","channels":["c"],"data":"1"}}',
    "an application of JSON": '{"type":"message","application":{"id":"app1"},"payload":{"event":"e"}}',
    "a question": '{"type":"message","application":"N;","payload":{"event":"e"}}',
    "no payload": f'{{"type":"message","application":"{APP}"}}',
    "a payload of text": of_app("message", '"x"'),
    "no event": of_app("message", '{"channels":["c"],"data":"1"}'),
    "channels of numbers": of_app("message", '{"event":"e","channels":[1]}'),
    "an endless number": of_app("message", '{"event":"e","channel":"c","data":1e999}'),
    "an open string": of_app("message", '{"event":"e","channel":"c","data":"\\ud800"}'),
    "an endless number as a user": of_app(
        "message", '{"event":"client-e","channel":"presence-c","data":"1","user_id":1e999}'
    ),
    "an application without an id": of_app("terminate", '{"user_id":"1"}').replace(
        r"s:4:\"app1\"", r"s:0:\"\""
    ),
    "an application whose id is a number": of_app("terminate", '{"user_id":"1"}').replace(
        r"s:4:\"app1\"", "i:5"
    ),
    "nobody to end": of_app("terminate", "{}"),
    "no payload to end": f'{{"type":"terminate","application":"{APP}"}}',
    "many to end": of_app("terminate", '{"user_id":["1"]}'),
    "a garbage question": '{"type":"metrics","payload":"garbage"}',
    "no question": '{"type":"metrics"}',
    "a question of JSON": '{"type":"metrics","payload":{"key":"AAAAAAAAAA"}}',
    "an application as a question": f'{{"type":"metrics","payload":"{APP}"}}',
    "deep": "[" * 100_000,
    "deep within": '{"type":"message","payload":' + '{"a":' * 100_000,
    "deep and whole": '{"type":"terminate","payload":' + "[" * 5000 + "]" * 5000 + "}",
}


@pytest.mark.parametrize("text", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_refused(text: str) -> None:
    with pytest.raises(InvalidReverbMessage):
        read(text.encode())


def test_what_is_no_text_is_refused() -> None:
    data = captured("02-event-channel-1")
    for at in range(0, len(data), 7):
        with pytest.raises(InvalidReverbMessage):
            read(data[:at] + b"\xff" + data[at:])


@pytest.mark.parametrize("key", ["message", "metrics", "terminate", "", "a/b", "short", "x" * 65])
def test_an_answer_can_never_be_taken_for_something_else(key: str) -> None:
    """An answer of type "message" would end every PHP node."""
    data = captured("12-metrics-connections-1").replace(
        rb"s:10:\"SJ1PiFU2w2\"", rb"s:%d:\"%b\"" % (len(key), json.dumps(key)[1:-1].encode())
    )
    with pytest.raises(InvalidReverbMessage):
        read(data)


@unhurried
@given(st.binary(max_size=300))
def test_noise_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidReverbMessage):
        read(data)


@unhurried
@given(st.sampled_from(sorted(CAPTURES.iterdir())), st.integers(0), st.binary(max_size=3), st.integers(0, 5))
def test_damage_never_raises_anything_else(path: Any, at: int, put: bytes, away: int) -> None:
    data = path.read_bytes()
    at %= len(data)
    with contextlib.suppress(InvalidReverbMessage):
        read(data[:at] + put + data[at + away :])


async def say(mixed: MixedCluster, *messages: bytes) -> None:
    async with mixed.server.client() as client:
        for message in messages:
            await client.publish("reverb", message)


async def test_garbage_is_counted_and_the_node_goes_on(
    mixed: MixedCluster, caplog: pytest.LogCaptureFixture
) -> None:
    node = await mixed.node()
    await say(mixed, *(text.encode() for text in GARBAGE.values()), captured("02-event-channel-1"))
    await node.until(lambda: node.received)
    assert node.bus.health.invalid == len(GARBAGE)
    records = [record for record in caplog.records if "cannot be read" in record.getMessage()]
    logged = [record.__dict__["reason"] for record in records]
    assert "an application without an id" in logged
    assert len(logged) < len(GARBAGE) / 2  # the first of each kind
    assert [channel for channel, _, _ in node.received] == ["pub"]
    assert not node.bus.degraded


@pytest.mark.parametrize("seed", range(3))
async def test_noise_ends_nobody(mixed: MixedCluster, seed: int) -> None:
    dice = random.Random(seed)
    node = await mixed.node()
    originals = [path.read_bytes() for path in sorted(CAPTURES.iterdir())]
    noise = []
    for _ in range(300):
        data = bytearray(dice.choice(originals))
        for _ in range(dice.randint(1, 5)):
            at = dice.randrange(len(data))
            data[at : at + dice.randint(0, 3)] = dice.randbytes(dice.randint(0, 3))
        noise.append(bytes(data).replace(b"app1", b"app0"))
    node.deliver = lambda event: BusNode.deliver(  # type: ignore[method-assign]
        node, PublishedEvent("app1", event.channel, event.text, event.except_socket_id)
    )
    await say(mixed, *noise, captured("08-client-event-1"))
    await node.until(lambda: any(channel == "private-x" for channel, _, _ in node.received))
    assert mixed.bridges[node].invalid_messages > 0
    assert not node.bus.degraded


async def test_a_receiver_that_fails_is_no_end(mixed: MixedCluster, caplog: pytest.LogCaptureFixture) -> None:
    node = await mixed.node()
    deliver = node.deliver

    def fail(event: DeliverableEvent) -> None:
        raise RuntimeError("a fault of ours")

    node.deliver = fail  # type: ignore[method-assign]
    await say(mixed, captured("02-event-channel-1"))
    await node.until(lambda: mixed.bridges[node].invalid_messages == 1)
    assert "message of a PHP node not handled" in caplog.text
    node.deliver = deliver  # type: ignore[method-assign]
    await say(mixed, captured("02-event-channel-1"))
    await node.until(lambda: node.received)


def test_a_message_as_long_as_is_allowed_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    data = captured("02-event-channel-1")
    monkeypatch.setattr(reverb_messages, "MAX_BYTES", len(data))
    assert read(data) is not None
    with pytest.raises(InvalidReverbMessage, match="too long"):
        read(data + b" ")
