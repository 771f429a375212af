"""Section 9 of the Autobahn suite as our own cases: sizes to 16 MiB, many fragments, many chops, many messages."""

from __future__ import annotations

import pytest

from tests.conformance.peer import BINARY, TEXT, Peer, chops, close, fragments, frame

KIB, MIB = 1024, 1024 * 1024
PAYLOADS = {TEXT: b"BAsd7&jh23", BINARY: b"\x00\xfe\x23\xfa\xf0\x80\x81\xff\x0f\xf0"}
BOTH = pytest.mark.parametrize("opcode", [TEXT, BINARY], ids=["text", "binary"])


def payload_of(opcode: int, size: int) -> bytes:
    pattern = PAYLOADS[opcode]
    return (pattern * (size // len(pattern) + 1))[:size]


def there_and_back(port: int, opcode: int, payload: bytes, pieces: list[bytes]) -> None:
    with Peer(port) as peer:
        peer.send(pieces)
        peer.expect([(opcode, payload)])
        peer.close_cleanly()


@BOTH
@pytest.mark.parametrize("size", [64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB])
def test_9_1_and_9_2_one_frame(opcode: int, size: int, echo_port: int) -> None:
    payload = payload_of(opcode, size)
    there_and_back(echo_port, opcode, payload, [frame(opcode, payload)])


@BOTH
@pytest.mark.parametrize("size", [64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB])
def test_9_3_and_9_4_fragments_of_4_mib(opcode: int, size: int, echo_port: int) -> None:
    payload = payload_of(opcode, 4 * MIB)
    pieces = fragments(opcode, chops(payload, size))
    there_and_back(echo_port, opcode, payload, chops(b"".join(pieces), MIB))


@BOTH
@pytest.mark.parametrize("size", [64, 128, 256, 512, KIB, 2 * KIB])
def test_9_5_and_9_6_chops_of_1_mib(opcode: int, size: int, echo_port: int) -> None:
    payload = payload_of(opcode, MIB)
    there_and_back(echo_port, opcode, payload, chops(frame(opcode, payload), size))


@BOTH
@pytest.mark.parametrize("size", [0, 16, 64, 256, KIB, 4 * KIB])
def test_9_7_and_9_8_a_thousand_round_trips(opcode: int, size: int, echo_port: int) -> None:
    payload = payload_of(opcode, size)
    one = [frame(opcode, payload)]
    with Peer(echo_port) as peer:
        for _ in range(1000):
            peer.send(one)
            peer.expect([(opcode, payload)])
        peer.close_cleanly()


@BOTH
def test_many_messages_at_once_come_back_in_order(opcode: int, echo_port: int) -> None:
    payloads = [payload_of(opcode, size) for size in range(1000)]
    with Peer(echo_port) as peer:
        peer.send([b"".join(frame(opcode, payload) for payload in payloads)])
        peer.expect([(opcode, payload) for payload in payloads])
        peer.close_cleanly()


def test_a_close_behind_a_large_message_takes_nothing_away(echo_port: int) -> None:
    payload = payload_of(BINARY, 16 * MIB)
    with Peer(echo_port) as peer:
        peer.send([frame(BINARY, payload), close()])
        peer.expect([(BINARY, payload)])
        peer.expect_end(1000)
