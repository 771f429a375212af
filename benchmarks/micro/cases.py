"""What is measured: rows of contestants, each a function of nothing that does the row's work once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from benchmarks.instructions.workloads import KEY, WORLD, chunks, filled, masked_frame
from benchmarks.micro.contestants import BINARY, PARSERS, TEXT, builders, maskers

SIZES = {"32 B": 32, "125 B": 125, "1 kB": 1_000, "16 kB": 16_000, "64 kB": 64_000}
CHUNK_BYTES = 1_400  # what a TCP segment carries on the usual path
MESSAGE = b'{"event":"client-typing","channel":"presence-room.7","data":{"user":4711,"x":12.5}} '


class Row(NamedTuple):
    group: str
    name: str
    work: dict[str, Callable[[], Any]]


def ascii_of(size: int) -> bytes:
    return (MESSAGE * (size // len(MESSAGE) + 1))[:size]


def world_of(size: int) -> bytes:
    """Characters of one to four bytes, filled up with spaces."""
    return filled(WORLD, size).ljust(size)


def copying(payload: bytes, times: int = 1) -> Callable[[], Any]:
    source = bytearray(payload)
    if times == 1:
        return lambda: bytes(source)
    return lambda: [bytes(source) for _ in range(times)]


def _parsing(group: str, name: str, opcode: int, payload: bytes, pieces: list[bytes], count: int = 1) -> Row:
    work: dict[str, Callable[[], Any]] = {}
    for contestant, make in PARSERS.items():
        parse = make(opcode)
        got = [text.encode() if isinstance(text, str) else bytes(text) for text in parse(pieces)]
        assert got == [payload] * count, contestant
        work[contestant] = lambda parse=parse: parse(pieces)  # type: ignore[misc]
    work["memcpy"] = copying(payload, count)
    return Row(group, name, work)


def parsing() -> Iterable[Row]:
    kinds = (
        ("parse text", TEXT, ascii_of),
        ("parse text, not ASCII", TEXT, world_of),
        ("parse binary", BINARY, ascii_of),
    )
    for group, opcode, payload_of in kinds:
        for name, size in SIZES.items():
            payload = payload_of(size)
            data = masked_frame(0x80 | opcode, payload)
            yield _parsing(group, name, opcode, payload, [data])
            if size > CHUNK_BYTES:
                pieces = chunks(data, CHUNK_BYTES)
                yield _parsing(group, f"{name} in chunks of {CHUNK_BYTES:,}", opcode, payload, pieces)
        payload = payload_of(32)
        yield _parsing(
            group, "64 x 32 B in a chunk", opcode, payload, [64 * masked_frame(0x80 | opcode, payload)], 64
        )


def building() -> Iterable[Row]:
    for name, size in SIZES.items():
        payload = ascii_of(size)
        work: dict[str, Callable[[], Any]] = {}
        frames = set()
        for contestant, build in builders(BINARY).items():
            frames.add(bytes(build(payload)))
            work[contestant] = lambda build=build, payload=payload: build(payload)  # type: ignore[misc]
        assert len(frames) == 1
        yield Row("build", name, {**work, "memcpy": copying(payload)})


def masking() -> Iterable[Row]:
    """Ours is the whole parse of a binary frame, theirs the masking function alone."""
    for name, size in SIZES.items():
        payload = ascii_of(size)
        data = masked_frame(0x80 | BINARY, payload)
        masked = bytearray(data[-size:])
        work: dict[str, Callable[[], Any]] = {}
        parse = PARSERS["revurb"](BINARY)
        work["revurb"] = lambda parse=parse, data=data: parse([data])  # type: ignore[misc]
        for contestant, mask in maskers(KEY).items():
            assert bytes(mask(bytearray(masked))) == payload
            work[contestant] = lambda mask=mask, masked=masked: mask(masked)  # type: ignore[misc]
        yield Row("mask", name, {**work, "memcpy": copying(payload)})


def validating() -> Iterable[Row]:
    """Ours is the whole parse of a text frame, unmasking too; `decode` is CPython's bytes.decode() alone."""
    for kind, payload_of in (("ASCII", ascii_of), ("not ASCII", world_of)):
        for name, size in SIZES.items():
            payload = payload_of(size)
            data = masked_frame(0x80 | TEXT, payload)
            parse = PARSERS["revurb"](TEXT)
            work: dict[str, Callable[[], Any]] = {
                "revurb": lambda parse=parse, data=data: parse([data]),  # type: ignore[misc]
                "decode": payload.decode,
                "memcpy": copying(payload),
            }
            yield Row(f"UTF-8, {kind}", name, work)


def rows() -> Iterable[Row]:
    yield from parsing()
    yield from building()
    yield from masking()
    yield from validating()
