"""The framer against RFC 6455 section 5, rule by rule, in every chunking; its limits and its memory."""

from __future__ import annotations

import gc
import resource
import sys
from collections.abc import Iterable

import pytest

from revurb._speedups.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    FrameReader,
    server_frame,
)
from tests.speedups.wire_bytes import client_frame, every_split

Failure = tuple[int, str] | None
TOO_BIG = (1009, "Maximum message size exceeded")


def read(pieces: Iterable[bytes], limit: int = 1 << 20) -> tuple[list[tuple[int, bytes]], Failure]:
    reader = FrameReader(limit)
    return [frame for piece in pieces for frame in reader.feed(piece)], reader.failure


def assert_reads(data: bytes, frames: list[tuple[int, bytes]], code: int | None = None) -> None:
    """The same in every chunking, down to the reason."""
    reasons = set()
    for pieces in every_split(data):
        found, failure = read(pieces)
        assert found == frames
        assert (failure and failure[0]) == code
        reasons.add(failure)
    assert len(reasons) == 1


# Frames, RFC 6455 5.2 and 5.7


def test_the_constants_are_the_opcodes_of_the_rfc() -> None:
    assert (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG) == (0, 1, 2, 8, 9, 10)


def test_hello_of_the_rfc() -> None:
    assert_reads(bytes.fromhex("818537fa213d7f9f4d5158"), [(TEXT, b"Hello")])


@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, PONG, CLOSE])
@pytest.mark.parametrize("size", [0, 1, 3, 4, 7, 8, 9, 125])
def test_any_opcode_and_small_size(opcode: int, size: int) -> None:
    payload = bytes(65 + at % 50 for at in range(size))
    assert_reads(client_frame(opcode, payload), [(opcode, payload)])


@pytest.mark.parametrize("size", [126, 127, 128, 1000, 65535, 65536, 65537])
@pytest.mark.parametrize("chunk", [1 << 20, 4096, 13, 1])
def test_long_payloads(size: int, chunk: int) -> None:
    payload = bytes(at * 7 % 128 for at in range(size))
    data = client_frame(TEXT, payload)
    pieces = [data[at : at + chunk] for at in range(0, len(data), chunk)]
    assert read(pieces) == ([(TEXT, payload)], None)


def test_many_frames_in_one_chunk_keep_their_order() -> None:
    frames = [(TEXT, b"one"), (PING, b"p"), (BINARY, b"\xff\x00"), (PONG, b""), (TEXT, b"")]
    assert_reads(b"".join(client_frame(*frame) for frame in frames), frames)


def test_every_mask_key_position() -> None:
    payload = bytes(range(256))
    for key in (
        b"\x01\x00\x00\x00",
        b"\x00\x02\x00\x00",
        b"\x00\x00\x04\x00",
        b"\x00\x00\x00\x80",
        b"\0" * 4,
    ):
        assert_reads(client_frame(BINARY, payload, key=key), [(BINARY, payload)])


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_is_read_and_not_kept(kind: type) -> None:
    data = bytearray(client_frame(TEXT, b"Hello"))
    reader = FrameReader(100)
    assert reader.feed(kind(data[:8])) == []
    window = memoryview(bytearray(100))
    window[: len(data) - 8] = data[8:]
    assert reader.feed(window[: len(data) - 8]) == [(TEXT, b"Hello")]
    data.clear()  # a buffer still exported could not be resized


def test_nothing_in_nothing_out() -> None:
    reader = FrameReader(100)
    assert reader.feed(b"") == []
    assert (reader.feed(client_frame(TEXT, b"a")), reader.feed(b"")) == ([(TEXT, b"a")], [])


# Fragmentation, RFC 6455 5.4


def test_fragments_become_one_message() -> None:
    data = client_frame(TEXT, b"a", fin=False) + client_frame(0, b"bc", fin=False) + client_frame(0, b"d")
    assert_reads(data, [(TEXT, b"abcd")])


def test_control_frames_between_and_inside_fragments() -> None:
    data = (
        client_frame(BINARY, b"\xff", fin=False)
        + client_frame(PING, b"1")
        + client_frame(0, b"", fin=False)
        + client_frame(PONG, b"2")
        + client_frame(0, b"\xfe")
        + client_frame(TEXT, b"next")
    )
    assert_reads(data, [(PING, b"1"), (PONG, b"2"), (BINARY, b"\xff\xfe"), (TEXT, b"next")])


def test_a_message_of_empty_fragments() -> None:
    assert_reads(client_frame(TEXT, fin=False) + client_frame(0), [(TEXT, b"")])


def test_a_close_inside_a_message_ends_it() -> None:
    data = client_frame(TEXT, b"a", fin=False) + client_frame(CLOSE, b"\x03\xe8") + client_frame(0, b"b")
    assert_reads(data, [(CLOSE, b"\x03\xe8")])


def test_nothing_counts_behind_a_close() -> None:
    assert_reads(client_frame(CLOSE) + client_frame(TEXT, b"late") + b"\xff\xff", [(CLOSE, b"")])


# Violations: 1002


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(client_frame(TEXT, b"x", mask=False), id="not masked"),
        pytest.param(client_frame(TEXT, b"x", rsv=4), id="RSV1"),
        pytest.param(client_frame(TEXT, b"x", rsv=2), id="RSV2"),
        pytest.param(client_frame(PING, b"x", rsv=1), id="RSV3"),
        *(
            pytest.param(client_frame(op, b"x"), id=f"opcode {op}")
            for op in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
        ),
        *(
            pytest.param(client_frame(op, b"x", fin=False), id=f"fragmented {op}")
            for op in (CLOSE, PING, PONG)
        ),
        *(pytest.param(client_frame(op, b"x" * 126), id=f"126 bytes in {op}") for op in (CLOSE, PING, PONG)),
        pytest.param(client_frame(PING, length=125, length_bytes=2), id="control with 16 bit length"),
        pytest.param(client_frame(0, b"x"), id="nothing to continue"),
        pytest.param(client_frame(0, b"x", fin=False), id="nothing to continue, and no end"),
        pytest.param(client_frame(TEXT, b"x", fin=False) + client_frame(TEXT, b"y"), id="text in text"),
        pytest.param(client_frame(BINARY, b"x", fin=False) + client_frame(TEXT, b"y"), id="text in binary"),
        pytest.param(client_frame(TEXT, b"x" * 125, length_bytes=2), id="125 in 16 bits"),
        pytest.param(client_frame(TEXT, b"", length_bytes=2), id="0 in 16 bits"),
        pytest.param(client_frame(TEXT, length=65535, length_bytes=8), id="65535 in 64 bits"),
        pytest.param(client_frame(TEXT, length=5, length_bytes=8), id="5 in 64 bits"),
        pytest.param(client_frame(TEXT, length=1 << 63), id="top bit"),
        pytest.param(client_frame(TEXT, length=(1 << 64) - 1), id="all bits"),
    ],
)
def test_violations(bad: bytes) -> None:
    before, behind = client_frame(TEXT, b"before"), client_frame(TEXT, b"behind")
    assert_reads(before + bad + behind, [(TEXT, b"before")], 1002)


def test_a_violation_is_seen_before_the_payload_or_the_key_is_there() -> None:
    assert read([client_frame(TEXT, b"x", rsv=4)[:2]])[1] is not None
    assert read([client_frame(TEXT, length=1 << 63)[:10]])[1] is not None


def test_reasons_fit_into_a_close_frame() -> None:
    for bad in (
        b"\xf1\x80",
        b"\x83\x80",
        b"\x81\x00",
        b"\x09\x80",
        b"\x89\xfe",
        b"\x80\x80",
        b"\x01\x80\x01\x02\x03\x04" * 2,
    ):
        failure = read([bad])[1]
        assert failure is not None
        assert 0 < len(failure[1].encode()) <= 123


# UTF-8: 1007, RFC 6455 8.1 and RFC 3629


def test_valid_text_of_all_widths_in_every_chunking() -> None:
    text = "aé漢😀\x00\x7f\x80\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff".encode()
    assert_reads(client_frame(TEXT, text), [(TEXT, text)])
    for cut in range(len(text)):
        data = client_frame(TEXT, text[:cut], fin=False) + client_frame(0, text[cut:])
        assert read([data]) == ([(TEXT, text)], None)


def accepted(data: bytes, head: bytes) -> int:
    """How many bytes of `data` the framer takes as part of an unfinished text before it fails."""
    reader = FrameReader(1 << 10)
    reader.feed(head)
    for at in range(len(data)):
        reader.feed(data[at : at + 1])
        if reader.failure is not None:
            assert reader.failure[0] == 1007
            return at
    return len(data)


# An unmasking key of zero, so that the payload is on the wire as it is; fin=False, and longer than what is sent.
UNFINISHED = client_frame(TEXT, fin=False, key=b"\0\0\0\0", length=100)


def decodable(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def begins_a_text(data: bytes) -> bool:
    """Whether some text begins with `data`: it is valid, or becomes so with up to three continuation bytes.

    Of each lead byte's continuations one of these is allowed: 0x80, 0x90 and 0xA0 between them are in every range.
    """
    return any(
        decodable(data + tail)
        for tail in (
            b"",
            b"\x80",
            b"\x80\x80",
            b"\xa0\x80",
            b"\x80\x80\x80",
            b"\x90\x80\x80",
        )
    )


def agrees(data: bytes) -> None:
    expected = next((at for at in range(len(data)) if not begins_a_text(data[: at + 1])), len(data))
    assert accepted(data, UNFINISHED) == expected, data
    whole = read([client_frame(TEXT, data, key=b"\0\0\0\0")])
    assert (
        whole == ([(TEXT, data)], None) if decodable(data) else whole[1] is not None and whole[1][0] == 1007
    )


def test_every_one_and_two_byte_text_as_python_decodes_it() -> None:
    for first in range(256):
        agrees(bytes([first]))
        for second in range(256):
            agrees(bytes([first, second]))


INTERESTING = (0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xE0, 0xED, 0xF0, 0xF4, 0xFF)


def test_three_byte_texts_as_python_decodes_them() -> None:
    """Every first and second byte; of the third those where a table could be wrong."""
    for first in range(0xC0, 256):
        for second in range(256):
            for third in INTERESTING:
                agrees(bytes([first, second, third]))


def test_four_byte_texts_as_python_decodes_them() -> None:
    for first in range(0xEE, 256):
        for second in (*INTERESTING, 0x81, 0xAF, 0xB0):
            for third in INTERESTING:
                for fourth in INTERESTING:
                    agrees(bytes([first, second, third, fourth]))


@pytest.mark.parametrize("at", [*range(20), 63, 64, 65, 99])
@pytest.mark.parametrize("bad", [b"\xff", b"\xc0", b"\x80", b"\xed\xa0\x80"])
def test_a_bad_byte_among_ascii_at_any_alignment(at: int, bad: bytes) -> None:
    text = b"a" * at + bad + b"a" * (100 - at)
    frame = client_frame(TEXT, text)
    for offset in range(8):
        backing = bytes(offset) + frame
        assert read([b"".join([memoryview(backing)[offset:]])])[1] == (1007, "Text is not valid UTF-8")
        reader = FrameReader(1000)
        assert reader.feed(memoryview(backing)[offset:]) == []
        assert reader.failure is not None


def test_text_that_ends_inside_a_character() -> None:
    assert_reads(client_frame(TEXT, b"caf\xc3"), [], 1007)
    assert_reads(client_frame(TEXT, b"caf\xc3", fin=False) + client_frame(0, b""), [], 1007)


def test_a_character_cut_by_a_control_frame() -> None:
    data = client_frame(TEXT, b"\xc3", fin=False) + client_frame(PING, b"\xff") + client_frame(0, b"\xa9")
    assert_reads(data, [(PING, b"\xff"), (TEXT, b"\xc3\xa9")])


def test_bad_text_fails_inside_an_unfinished_frame() -> None:
    data = client_frame(TEXT, b"ab\xff", length=1000)
    assert read([data[:-1]]) == ([], None)
    assert read([data]) == ([], (1007, "Text is not valid UTF-8"))


def test_the_state_of_one_text_does_not_reach_the_next() -> None:
    data = client_frame(BINARY, b"\xc3", fin=False) + client_frame(0, b"\xff") + client_frame(TEXT, b"ok")
    assert_reads(data, [(BINARY, b"\xc3\xff"), (TEXT, b"ok")])


# Limits: 1009


@pytest.mark.parametrize("limit", [0, 1, 125, 126, 1000, 65535, 65536, 70000])
def test_the_message_limit_is_exact(limit: int) -> None:
    assert read([client_frame(BINARY, bytes(limit))], limit) == ([(BINARY, bytes(limit))], None)
    assert read([client_frame(BINARY, bytes(limit + 1))], limit) == ([], TOO_BIG)


def test_the_limit_is_judged_when_the_header_is_there() -> None:
    for size in (101, 1000, 1 << 40, (1 << 63) - 1):
        head = client_frame(TEXT, length=size)
        without_key = head[:-4]
        assert read([without_key[:-1]], 100) == ([], None)
        assert read([without_key], 100) == ([], TOO_BIG)


def test_the_limit_counts_all_fragments_together() -> None:
    first = client_frame(TEXT, b"a" * 60, fin=False)
    assert read([first, client_frame(0, b"b" * 40)], 100) == ([(TEXT, b"a" * 60 + b"b" * 40)], None)
    assert read([first, client_frame(0, b"b" * 41)], 100) == ([], TOO_BIG)
    # A sum that would wrap at 64 bits, if it were one.
    assert read([first, client_frame(0, length=(1 << 63) - 1)], 100) == ([], TOO_BIG)


def test_the_limit_is_of_each_message() -> None:
    assert read([client_frame(TEXT, b"a" * 100) * 3], 100) == ([(TEXT, b"a" * 100)] * 3, None)


def test_control_frames_do_not_count() -> None:
    assert read([client_frame(PING, b"p" * 125)], 10) == ([(PING, b"p" * 125)], None)


def test_the_frame_limit() -> None:
    reader = FrameReader(100, 50)
    assert reader.feed(client_frame(TEXT, b"a" * 50, fin=False) + client_frame(0, b"a" * 50)) == [
        (TEXT, b"a" * 100)
    ]
    assert reader.feed(client_frame(TEXT, b"a" * 51)) == []
    assert reader.failure == TOO_BIG


def test_the_fragment_limit_counts_empty_fragments() -> None:
    def fragments(count: int) -> bytes:
        return client_frame(TEXT, fin=False) + client_frame(0, fin=False) * (count - 2) + client_frame(0)

    reader = FrameReader(100, max_fragments=5)
    assert reader.feed(fragments(5) * 2) == [(TEXT, b"")] * 2
    assert reader.feed(fragments(6)) == []
    assert reader.failure == TOO_BIG
    assert FrameReader(100, max_fragments=1).feed(client_frame(TEXT, b"a")) == [(TEXT, b"a")]


def test_the_limit_can_change() -> None:
    reader = FrameReader(10)
    assert reader.max_message_bytes == 10
    reader.max_message_bytes = 100
    assert reader.feed(client_frame(TEXT, b"a" * 100)) == [(TEXT, b"a" * 100)]
    assert reader.feed(client_frame(TEXT, b"a" * 50, fin=False)) == []
    reader.max_message_bytes = 20  # less than the message has already
    assert reader.feed(client_frame(0, b"")) == [(TEXT, b"a" * 50)]
    assert reader.feed(client_frame(TEXT, b"a" * 21)) == []
    assert reader.failure == TOO_BIG


def test_a_limit_below_what_has_arrived_leaves_nothing() -> None:
    reader = FrameReader(100)
    reader.feed(client_frame(TEXT, b"a" * 50, fin=False))
    reader.max_message_bytes = 20
    assert reader.feed(client_frame(0, b"b")) == []
    assert reader.failure == TOO_BIG


@pytest.mark.parametrize("limits", [(-1,), (1, -1), (1, None, 0), (1, None, -5)])
def test_limits_that_make_no_sense(limits: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"negative|less than 1"):
        FrameReader(*limits)
    with pytest.raises(ValueError, match="negative"):
        FrameReader(1).max_message_bytes = -1


def test_the_largest_limit() -> None:
    reader = FrameReader((1 << 63) - 1)
    assert reader.feed(client_frame(TEXT, b"a", length=(1 << 63) - 1)) == []
    assert reader.failure is None
    with pytest.raises(OverflowError):
        FrameReader(1 << 63)


# Memory


def test_a_declared_length_costs_nothing() -> None:
    reader = FrameReader(1 << 30)
    idle = sys.getsizeof(reader)
    reader.feed(client_frame(BINARY, b"x", length=16 << 20))
    assert sys.getsizeof(reader) - idle < 64
    sent = 1
    for _ in range(100):
        reader.feed(b"x" * 1000)
        sent += 1000
        assert sys.getsizeof(reader) - idle <= 2 * sent


def test_an_unfinished_message_grows_in_few_steps_and_not_past_its_length() -> None:
    """Each step copies what is there: by doubling, the copies add up to the length; by pieces, to its square."""
    reader = FrameReader(1 << 20)
    idle = sys.getsizeof(reader)
    sizes = set()
    for fin, opcode in ((False, BINARY), (True, CONTINUATION)):
        frame = client_frame(opcode, b"x" * 5000, fin=fin)
        for at in range(0, len(frame) - 10, 10):
            reader.feed(frame[at : at + 10])
            sizes.add(sys.getsizeof(reader) - idle)
        reader.feed(frame[at + 10 :])
    assert max(sizes) == 10_000
    assert len(sizes) <= 16


def test_nothing_is_kept_once_it_is_not_needed() -> None:
    idle = sys.getsizeof(FrameReader(1 << 20))

    def size_after(*pieces: bytes) -> int:
        reader = FrameReader(1 << 20)
        for piece in pieces:
            reader.feed(piece)
        return sys.getsizeof(reader)

    start = client_frame(TEXT, b"a" * 5000, fin=False)
    assert size_after(start) > idle + 4999
    assert size_after(start, client_frame(0, b"b")) == idle
    assert size_after(start, b"\xff\xff") == idle  # failed
    assert size_after(start, client_frame(CLOSE)) == idle


def test_an_idle_reader_is_small() -> None:
    assert sys.getsizeof(FrameReader(1 << 20)) <= 192
    assert not gc.is_tracked(FrameReader(1 << 20))


def peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_no_leak() -> None:
    text = client_frame(TEXT, b"a" * 300)
    torn = (
        client_frame(TEXT, b"b" * 200, fin=False)
        + client_frame(PING, b"c" * 100)
        + client_frame(0, b"d" * 200)
    )
    failing = client_frame(TEXT, b"e" * 500, fin=False) + b"\xff\xff"

    def work(rounds: int) -> None:
        for _ in range(rounds):
            reader = FrameReader(1000)
            for _ in range(10):
                reader.feed(text)
                reader.feed(torn[:150])
                reader.feed(torn[150:350])
                reader.feed(torn[350:])
            reader.feed(failing)
            assert reader.failure is not None
            FrameReader(1000).feed(failing[:300])  # dropped with a message in it
            server_frame(TEXT, bytes(400))

    work(500)
    before = peak_kib()
    work(50_000)  # a million messages; a leak of their payloads would be 350 MiB
    assert peak_kib() - before < 4096


def test_wrong_types_are_refused() -> None:
    with pytest.raises(TypeError):
        FrameReader(10).feed("text")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        FrameReader(10).feed(None)  # type: ignore[arg-type]
