"""Fixed work for the kernels, run under callgrind by guard.py. Nothing here may depend on time or chance.

    python -S workloads.py DIRECTORY_OF_KERNELS

Imports the kernels alone, not the packages around them: under callgrind everything takes fifty times as long.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

KEY = b"\x37\xfa\x21\x3d"
JSON = b'{"event":"client-typing","channel":"presence-room.7","data":{"user":"4711","x":12.5,"ok":true}}'
WORLD = "Gr\u00fc\u00dfe, \u4e16\u754c, \U0001f30d! ".encode()  # 1, 2, 3 and 4 bytes a character


def masked_frame(first: int, payload: bytes) -> bytes:
    size = len(payload)
    length = (
        bytes([0x80 | size])
        if size < 126
        else b"\xfe" + size.to_bytes(2, "big")
        if size < 65536
        else b"\xff" + size.to_bytes(8, "big")
    )
    mask = (KEY * (size // 4 + 1))[:size]
    # One number against another, since this too runs under callgrind.
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")
    return bytes([first]) + length + KEY + masked.to_bytes(size, "big")


def filled(pattern: bytes, size: int) -> bytes:
    """Whole patterns only, so that no character is cut: up to `size` bytes."""
    return pattern * (size // len(pattern))


def chunks(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def feeding(pieces: list[bytes]) -> Callable[[ModuleType], Callable[[], object]]:
    def prepare(frames: ModuleType) -> Callable[[], object]:
        reader = frames.FrameReader(1 << 20)

        def work() -> None:
            for piece in pieces:
                reader.feed(piece)
            assert reader.failure is None

        return work

    return prepare


def building(size: int) -> Callable[[ModuleType], Callable[[], object]]:
    payload = filled(JSON, size)
    return lambda frames: lambda: frames.server_frame(1, payload)


def delivering(events: int) -> Callable[[ModuleType], Callable[[], object]]:
    """To 100 outboxes whose transport takes it; then one flush. System calls would count as the kernel's time."""

    def prepare(fanout: ModuleType) -> Callable[[], object]:
        class Box(fanout.Outbox):  # type: ignore[misc, name-defined]
            def write_to_transport(self, frames: list[Any], /) -> None: ...

        hub = fanout.Fanout(lambda: None)
        boxes = {Box(): None for _ in range(100)}
        for box in boxes:
            box.attach(hub, -1)
        frame = bytes(100)

        def work() -> None:
            for _ in range(events):
                fanout.deliver(boxes, frame)
            hub.flush(1000.0)

        return work

    return prepare


def cutting(head: bytes) -> Callable[[ModuleType], Callable[[], object]]:
    return lambda heads: lambda: heads.cut_head(head)


def cutting_publish(data: bytes) -> Callable[[ModuleType], Callable[[], object]]:
    def prepare(publishes: ModuleType) -> Callable[[], object]:
        assert publishes.cut_publish(data, b"", 8192, 10_000) is not None
        return lambda: publishes.cut_publish(data, b"", 8192, 10_000)

    return prepare


def cutting_event(body: bytes) -> Callable[[ModuleType], Callable[[], object]]:
    def prepare(event_bodies: ModuleType) -> Callable[[], object]:
        assert event_bodies.read_event(body) is not None
        return lambda: event_bodies.read_event(body)

    return prepare


def signing(text: bytes) -> Callable[[ModuleType], Callable[[], object]]:
    def prepare(digests: ModuleType) -> Callable[[], object]:
        key = digests.SigningKey(b"secret1")
        return lambda: key.sign(text)

    return prepare


def answering(head: bytes) -> Callable[[ModuleType], Callable[[], object]]:
    return lambda handshakes: lambda: handshakes.cut_handshake(head, False)


def recognising(message: bytes) -> Callable[[ModuleType], Callable[[], object]]:
    return lambda client_messages: lambda: client_messages.cut_subscription(message)


def listing(members: int) -> Callable[[ModuleType], Callable[[], object]]:
    texts = [b'\\"%d\\"\0:{\\"name\\":\\"User %d\\"}' % (number, number) for number in range(members)]
    return lambda member_lists: lambda: member_lists.join_members(texts)


def cutting_query(query: str) -> Callable[[ModuleType], Callable[[], object]]:
    return lambda queries: lambda: queries.cut_query(query)


_PUBLISH = (
    b"POST /apps/1/events?auth_key=key1&auth_timestamp=1700000000&auth_version=1.0&body_md5=%b&auth_signature=%b"
    b" HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
) % (b"0" * 32, b"0" * 64)
_EVENT = b'{"name":"order-shipped","channels":["orders"],"data":"{\\"id\\":4711,\\"url\\":\\"\\\\/orders\\\\/4711\\"}"}'
_WHOLE_PUBLISH = _PUBLISH.replace(b"Length: 100", b"Length: %d" % len(_EVENT)) + _EVENT
_HANDSHAKE = (
    b"GET /app/key1?protocol=7&client=js&version=8.4.0&flash=false HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"
    b"Origin: http://127.0.0.1:8080\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
_SUBSCRIPTION = b'{"event":"pusher:subscribe","data":{"auth":"","channel":"news"}}'
_TEXT, _TEXT_OPEN, _MORE, _LAST, _BINARY, _PING = 0x81, 0x01, 0x00, 0x80, 0x82, 0x89
_LARGE = masked_frame(_TEXT, filled(JSON, 64_000))
_FRAGMENTED = [
    masked_frame(_TEXT_OPEN, JSON),
    *(masked_frame(_MORE, JSON) for _ in range(14)),
    masked_frame(_PING, b"1"),
    masked_frame(_LAST, JSON),
]

# name: kernel, what to do, how often
WORKLOADS: dict[str, tuple[str, Callable[[ModuleType], Callable[[], object]], int]] = {
    "64 small texts in a chunk": ("frames", feeding([64 * masked_frame(_TEXT, JSON[:32])]), 50),
    "text of 1 kB": ("frames", feeding([masked_frame(_TEXT, filled(JSON, 1000))]), 500),
    "text of 64 kB": ("frames", feeding([_LARGE]), 20),
    "text of 64 kB in chunks": ("frames", feeding(chunks(_LARGE, 1400)), 20),
    "text of 64 kB, not ASCII": ("frames", feeding([masked_frame(_TEXT, filled(WORLD, 64_000))]), 20),
    "binary of 64 kB": ("frames", feeding([masked_frame(_BINARY, filled(JSON, 64_000))]), 20),
    "text in 16 fragments with a ping": ("frames", feeding([b"".join(_FRAGMENTED)]), 100),
    "text byte by byte": ("frames", feeding(chunks(masked_frame(_TEXT, JSON), 1)), 50),
    "server frame of 100 B": ("server_frames", building(100), 2000),
    "server frame of 64 kB": ("server_frames", building(64_000), 100),
    "head of a publish": ("heads", cutting(_PUBLISH), 1000),
    "query of a publish": ("queries", cutting_query(_PUBLISH.split()[1].decode().partition("?")[2]), 1000),
    "whole publish": ("publishes", cutting_publish(_WHOLE_PUBLISH), 1000),
    "body of a publish": ("event_bodies", cutting_event(_EVENT), 1000),
    "signature of a publish": ("digests", signing(_PUBLISH[:180]), 1000),
    "plain handshake": ("handshakes", answering(_HANDSHAKE), 1000),
    "plain subscription": ("client_messages", recognising(_SUBSCRIPTION), 2000),
    "list of 1,000 members": ("member_lists", listing(1000), 20),
    "1 event to 100": ("fanout", delivering(1), 50),
    "10 events to 100": ("fanout", delivering(10), 20),
}


def bare_packages(directory: str) -> None:
    """`revurb._speedups` without its surroundings, so that a kernel is found, and finds another."""
    for name in ("revurb", "revurb._speedups"):
        package = ModuleType(name)
        package.__path__ = [directory]
        sys.modules[name] = package


def main() -> None:
    """Each workload in turn. `getppid` is called around it, and by nothing else: callgrind is told to write down what
    it has counted, and to start over, whenever that function is entered."""
    bare_packages(sys.argv[1])
    for kernel, prepare, repeats in WORKLOADS.values():
        work = prepare(importlib.import_module(f"revurb._speedups.{kernel}"))
        work()  # once unseen: the first time is special
        os.getppid()
        for _ in range(repeats):
            work()
        os.getppid()


if __name__ == "__main__":
    main()
