"""Write the seed corpus: a few inputs per target that reach deep, from which the fuzzer goes on.

    python -m tests.fuzz.seeds

What a run finds worth keeping may be added to tests/fuzz/corpus by hand, as small files; these are only ever
written again, never removed.
"""

from __future__ import annotations

import zlib
from pathlib import Path

from tests.api.both_ways import QUERY, a_publish
from tests.fuzz.cutting import join

CORPUS = Path(__file__).with_name("corpus")


def frame(first: int, payload: bytes, *, key: bytes = bytes(4)) -> bytes:
    """Key 0 by default, so that the fuzzer changes payloads and not their shadows."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes([first]) + length + key + bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))


TEXT, BINARY, CLOSE, PING, PONG = 0x81, 0x82, 0x88, 0x89, 0x8A
TEXT_OPEN, MORE, LAST = 0x01, 0x00, 0x80

STREAMS = {
    "text": frame(TEXT, b"Hello", key=b"\x37\xfa\x21\x3d"),
    "utf8": frame(TEXT, "\u20ac\U0001f600\u00e9".encode()),
    "utf8-wrong": frame(TEXT, b"ok \xed\xa0\x80"),
    "utf8-across": frame(TEXT_OPEN, b"\xe2") + frame(MORE, b"\x82") + frame(LAST, b"\xac"),
    "binary-126": frame(BINARY, bytes(range(126))),
    "too-long-frame": frame(BINARY, bytes(701)),
    "too-long-message": frame(TEXT_OPEN, b"a" * 600) + frame(LAST, b"a" * 401),
    "too-many-fragments": frame(TEXT_OPEN, b"") + 8 * frame(MORE, b""),
    "64-bit": b"\x82\xff" + (1 << 62).to_bytes(8, "big") + bytes(9),
    "64-bit-of-65535": b"\x82\xff" + (65535).to_bytes(8, "big") + bytes(9),
    "16-bit-of-125": b"\x82\xfe\0\x7d" + bytes(9),
    "ping-inside": frame(TEXT_OPEN, b"a") + frame(PING, b"p" * 125) + frame(LAST, b"b"),
    "pong": frame(PONG, b"nobody asked"),
    "close": frame(CLOSE, b"\x03\xe8bye") + frame(PING, b""),
    "close-empty": frame(CLOSE, b""),
    "reserved": b"\xc1\x80\0\0\0\0",
    "unmasked": b"\x81\x01a",
    "many": b"".join(frame(BINARY, bytes(size)) for size in range(20)),
}


def deflated(*messages: bytes, context: bool = True) -> list[bytes]:
    """Each message as a client compresses it (RFC 7692 7.2.1)."""
    window = zlib.compressobj(wbits=-12)
    payloads = []
    for message in messages:
        if not context:
            window = zlib.compressobj(wbits=-12)
        payloads.append(
            (window.compress(message) + window.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\0\0\xff\xff")
        )
    return payloads


PACKED = TEXT | 0x40
DEFLATED = {
    "one": b"".join(frame(PACKED, payload) for payload in deflated(b"Hello" * 20)),
    "context": b"".join(frame(PACKED, payload) for payload in deflated(b"Hello world", b"Hello world")),
    "fragments": frame(0x41, deflated(b"Hello")[0][:3]) + frame(LAST, deflated(b"Hello")[0][3:]),
    "bomb": frame(PACKED, deflated(bytes(100_000))[0]),
    "final-block": frame(PACKED, zlib.compress(b"Hello", wbits=-12)),
    "not-utf8": frame(PACKED, deflated(b"\xff\xfe")[0]),
    "corrupt": frame(PACKED, b"\x07\xff\xff"),
    "plain": frame(TEXT, b"Hello"),
    "packed-ping": frame(PING | 0x40, b""),
    "offer": b'permessage-deflate; server_max_window_bits=10; client_max_window_bits, x; y="z"',
}

HEADS = {
    "get": b"GET /apps/1/channels?info=user_count HTTP/1.1\r\nHost: a.b:80\r\n\r\n",
    "old": b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "post": b"POST /apps/1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
    "chunked": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2;e=1\r\n{}\r\n0\r\nA: b\r\n\r\n",
    "expect": b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
    "two": 2 * b"GET /up HTTP/1.1\r\nHost: x\r\n\r\n",
    "close": b"GET /up HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\nGET /up HTTP/1.1\r\n\r\n",
    "h2c": b"POST / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 1\r\n\r\nx",
    "absolute": b"GET http://a/b?c#d HTTP/1.1\r\nHost: a\r\n\r\n",
    "long-body": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n",
    "long-head": b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 400,
    "both-lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "http2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "http2-cut": b"PRI *\n\r\n\r\n",
    "folded": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
    "bare-lf": b"GET / HTTP/1.1\nHost: x\n\n",
}


def handshake(*lines: bytes, start: bytes = b"GET /app/key?protocol=7 HTTP/1.1") -> bytes:
    return b"\r\n".join([start, b"Host: localhost", *lines, b"", b""])


KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
UPGRADE = (b"Upgrade: websocket", b"Connection: keep-alive, Upgrade")
VERSION = b"Sec-WebSocket-Version: 13"
HANDSHAKES = {
    "right": handshake(*UPGRADE, KEY, VERSION),
    "offers": handshake(
        *UPGRADE,
        KEY,
        VERSION,
        b"Sec-WebSocket-Protocol: a, b",
        b"Sec-WebSocket-Extensions: permessage-deflate",
    ),
    "versions": handshake(*UPGRADE, KEY, b"Sec-WebSocket-Version: 8, 13"),
    "old-version": handshake(*UPGRADE, KEY, b"Sec-WebSocket-Version: 8"),
    "bad-key": handshake(*UPGRADE, b"Sec-WebSocket-Key: abc", VERSION),
    "no-connection": handshake(UPGRADE[0], KEY, VERSION),
    "other-upgrade": handshake(b"Upgrade: h2c", UPGRADE[1]),
    "post": handshake(*UPGRADE, KEY, VERSION, start=b"POST / HTTP/1.1"),
    "http-1.0": handshake(*UPGRADE, KEY, VERSION, start=b"GET / HTTP/1.0"),
}
CLOSES = {
    "empty": b"",
    "one-byte": b"\x03",
    "normal": b"\x03\xe8",
    "reason": b"\x03\xe8" + "gr\u00fc\u00dfe".encode(),
    "longest": b"\x0f\xa0" + b"a" * 123,
    "cut": b"\x0f\xa0" + b"a" * 121 + "\u20ac".encode(),
    "not-utf8": b"\x03\xe8\xff",
    "reserved": b"\x03\xee",
    "unassigned": b"\x07\xd0",
}
MESSAGES = {
    "subscribe": b'{"event":"pusher:subscribe","data":{"channel":"private-a","auth":"k:s","channel_data":"{}"}}',
    "as-string": b'{"event":"pusher:subscribe","data":"{\\"channel\\":\\"a\\"}"}',
    "client-event": b'{"event":"client-a","channel":"presence-a","data":{"a":[1,2.5e3,null,true,"\\u20ac"]}}',
    "ping": b'{"event":"pusher:ping"}',
    "twice": b'{"event":"a","event":"b","data":1,"data":2}',
    "empty-event": b'{"event":""}',
    "no-object": b"[1]",
    "deep": b'{"event":"a","data":' + 40 * b"[" + 40 * b"]" + b"}",
    "cut": b'{"event":"a","data":{"b":"',
}

PUBLISHES = {
    "plain": a_publish(b'{"name":"e","data":"{\\"a\\":1}","channels":["c"]}'),
    "php": a_publish(
        b'{"name":"App\\\\Events\\\\E","data":"\\/\\u00e9","channel":"private-c","socket_id":"1.1"}',
        fields=b"Connection: keep-alive\r\nX-Pusher-Library: pusher-http-php 7.2.7\r\n",
    ),
    "utf8": a_publish(' { "channels" : [ "\u20ac" ] , "data" : "\U0001f600" , "name" : "\u00e9" } '.encode()),
    "two-channels": a_publish(b'{"name":"e","data":"","channels":["c","d"]}'),
    "sdk-order": a_publish(b'{"name":"e","data":"","channel":"c"}', query=b"&".join(QUERY.split(b"&")[::-1])),
    "info": a_publish(b'{"name":"e","data":"","channel":"c","info":"user_count"}'),
    "twice": 2 * a_publish(b'{"name":"e","data":"","channel":"c"}'),
}

SEEDS: dict[str, dict[str, bytes]] = {
    "frames": {name: join([3, 1, 7], stream) for name, stream in STREAMS.items()},
    "connection": {name: b"\x02" + join([5, 9], stream) for name, stream in STREAMS.items()},
    "close": CLOSES,
    "deflate": {name: b"\x01" + join([4, 9], stream) for name, stream in DEFLATED.items()},
    "handshake": HANDSHAKES,
    "http": {name: join([11, 1, 40], head) for name, head in HEADS.items()},
    "message": MESSAGES,
    "publish": PUBLISHES,
}


def main() -> None:
    for target, seeds in SEEDS.items():
        (CORPUS / target).mkdir(parents=True, exist_ok=True)
        for name, data in seeds.items():
            (CORPUS / target / name).write_bytes(data)


if __name__ == "__main__":
    main()
