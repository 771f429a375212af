"""The frame parsers and builders that are compared, each through its own Python API, as its callers see it.

Who does more, who does less:

revurb      messages as bytes; unmasked, joined, text validated.
websockets  ServerProtocol: frames as bytes; its owner joins them and decodes text, which is done here. It also keeps
            the connection's state, which here is another object's task.
wsproto     Connection: events in pieces as they arrive, text as str; joined here.
aiohttp     WebSocketReader in C: messages, text as str, put into a queue and taken out of it by the coroutine that its
            callers await; it never has to wait here.
picows      WSProtocol on a connected socket: a callback per frame, in the receive buffer, into which bytes are copied
            as the event loop would. It does not validate or join; text is decoded by the callback, binary is copied
            out, since a frame is gone after the callback. Its sending goes straight to a socket: not compared.
memcpy      bytes(bytearray): an allocation and a copy of the payload, the least that any of them can do.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import socket
from collections.abc import Callable
from typing import Any, TypeAlias

from revurb._speedups.frames import FrameReader, server_frame

TEXT, BINARY = 1, 2
MAX_BYTES = 1 << 20

Parse: TypeAlias = Callable[[list[bytes]], list[Any]]
"""Feeds the pieces; gives the payloads of the messages in them: bytes, or str for text."""
Build: TypeAlias = Callable[[bytes], Any]


def _module(name: str) -> Any:
    """Not a plain import: the peers are an extra, and type checking has to do without."""
    return importlib.import_module(name)


def revurb(opcode: int) -> Parse:
    reader = FrameReader(MAX_BYTES)

    def parse(pieces: list[bytes]) -> list[Any]:
        messages: list[Any] = []
        for piece in pieces:
            messages += reader.feed(piece)
        return [payload for _, payload in messages]

    return parse


def websockets(opcode: int) -> Parse:
    server, state = _module("websockets.server"), _module("websockets.protocol").State.OPEN
    protocol = server.ServerProtocol(state=state, max_size=MAX_BYTES)

    def parse(pieces: list[bytes]) -> list[Any]:
        frames: list[Any] = []
        for piece in pieces:
            protocol.receive_data(piece)
            frames += protocol.events_received()
        if opcode == TEXT:
            return [frame.data.decode() for frame in frames]
        return [frame.data for frame in frames]

    return parse


def wsproto(opcode: int) -> Parse:
    module = _module("wsproto.connection")
    connection = module.Connection(module.ConnectionType.SERVER)

    def parse(pieces: list[bytes]) -> list[Any]:
        messages: list[Any] = []
        parts: list[Any] = []
        for piece in pieces:
            connection.receive_data(piece)
            for event in connection.events():
                parts.append(event.data)
                if event.message_finished:
                    messages.append(parts[0] if len(parts) == 1 else parts[0][:0].join(parts))
                    parts = []
        return messages

    return parse


class _Unpaused:
    _reading_paused = False

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


def aiohttp(opcode: int) -> Parse:
    module = _module("aiohttp._websocket.reader")
    assert module.WebSocketReader.__module__.endswith("reader_c"), "aiohttp's reader is not the compiled one"
    queue = module.WebSocketDataQueue(_Unpaused(), MAX_BYTES, loop=asyncio.get_running_loop())
    reader = module.WebSocketReader(queue, MAX_BYTES, False, True)
    buffer, read = queue._buffer, queue.read

    def parse(pieces: list[bytes]) -> list[Any]:
        messages = []
        for piece in pieces:
            reader.feed_data(piece)
            while buffer:
                try:
                    read().send(None)
                except StopIteration as stop:
                    messages.append(stop.value.data)
        return messages

    return parse


class _Transport:
    """As much of an asyncio transport as picows and aiohttp ask for."""

    def __init__(self, sock: socket.socket | None = None) -> None:
        self._socket = sock
        self.written: list[Any] = []

    def get_extra_info(self, name: str) -> Any:
        return self._socket if name == "socket" else ("127.0.0.1", 1)

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return False

    def write(self, data: Any) -> None:
        self.written.append(data)

    def writelines(self, parts: Any) -> None:
        self.written.append(b"".join(parts))


def _connected() -> socket.socket:
    """One end of a TCP connection on loopback, the other kept open with it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    _KEPT.append(client)
    server.setblocking(False)
    return server


_KEPT: list[socket.socket] = []


def picows(opcode: int) -> Parse:
    module = _module("picows")
    got: list[Any] = []

    class PubSubListener(module.WSListener):  # type: ignore[misc, name-defined]
        def on_ws_frame(self, transport: Any, frame: Any) -> None:
            got.append(frame.get_payload_as_utf8_text() if opcode == TEXT else frame.get_payload_as_bytes())

    protocol = _module("picows.picows").WSProtocol(
        None,
        None,
        False,
        lambda request: PubSubListener(),
        logging.getLogger("benchmark.picows"),
        True,
        None,
        False,
        None,
        None,
        module.WSAutoPingStrategy.PING_WHEN_IDLE,
        True,
        MAX_BYTES,
        None,
        256 * 1024,
    )
    protocol.connection_made(_Transport(_connected()))

    def feed(piece: bytes) -> None:
        left = memoryview(piece)
        while left:
            room = protocol.get_buffer(-1)
            count = min(len(room), len(left))
            room[:count] = left[:count]
            protocol.buffer_updated(count)
            left = left[count:]

    def parse(pieces: list[bytes]) -> list[Any]:
        for piece in pieces:
            feed(piece)
        messages = got.copy()
        got.clear()
        return messages

    feed(
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    return parse


PARSERS: dict[str, Callable[[int], Parse]] = {
    "revurb": revurb,
    "picows": picows,
    "aiohttp": aiohttp,
    "websockets": websockets,
    "wsproto": wsproto,
}


def builders(opcode: int) -> dict[str, Build]:
    """From a payload to a whole server frame; aiohttp hands header and payload to its transport, a list here."""
    frame, op = _module("websockets.frames").Frame, _module("websockets.frames").Opcode(opcode)
    wsproto_frames = _module("wsproto.frame_protocol")
    serializer = wsproto_frames.FrameProtocol(client=False, extensions=[])
    transport = _Transport()
    writer = _module("aiohttp._websocket.writer").WebSocketWriter(_Unpaused(), transport, limit=1 << 40)

    def aiohttp_frame(payload: bytes) -> Any:
        transport.written.clear()
        try:
            writer.send_frame(payload, opcode).send(None)
        except StopIteration:
            return b"".join(transport.written) if len(transport.written) > 1 else transport.written[0]
        raise AssertionError("aiohttp waits")

    return {
        "revurb": lambda payload: server_frame(opcode, payload),
        "aiohttp": aiohttp_frame,
        "websockets": lambda payload: frame(op, payload).serialize(mask=False, extensions=[]),
        "wsproto": lambda payload: serializer.send_data(payload, fin=True),
    }


def maskers(key: bytes) -> dict[str, Callable[[bytearray], Any]]:
    """Masking alone, where a peer has a function for it. aiohttp's works in place."""
    apply = _module("websockets.speedups").apply_mask
    in_place = _module("aiohttp._websocket.helpers").websocket_mask
    simple = _module("wsproto.frame_protocol").XorMaskerSimple

    def wsproto_mask(data: bytearray) -> Any:
        return simple(key).process(data)

    def aiohttp_mask(data: bytearray) -> Any:
        in_place(key, data)
        return data

    return {"aiohttp": aiohttp_mask, "websockets": lambda data: apply(data, key), "wsproto": wsproto_mask}
