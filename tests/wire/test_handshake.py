"""The opening handshake: RFC 6455 4.2, with the answers of Reverb where the RFC leaves one open."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from revurb.wire.deflate import Compression
from revurb.wire.handshake import HandshakeError, accept, agree, asks_for_websocket, choose_subprotocol
from revurb.wire.http import HttpReader, Request

HEADERS = {
    "host": "127.0.0.1:18080",
    "upgrade": "websocket",
    "connection": "Upgrade",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-version": "13",
}
OFFER = (("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"))


def request(method: str = "GET", version: str = "1.1", **changes: str | None) -> Request:
    """A right handshake but for `changes`, where None leaves a field out."""
    headers = dict(HEADERS)
    for name, value in changes.items():
        field = name.replace("_", "-")
        headers.pop(field, None)
        if value is not None:
            headers[field] = value
    return Request(method, "/app/key1", "protocol=7", headers, b"", version, keep_alive=False, upgrade=True)


def refused(bad: Request) -> HandshakeError:
    with pytest.raises(HandshakeError) as caught:
        accept(bad)
    assert caught.value.detail
    return caught.value


def test_the_response_of_reverb_with_our_name() -> None:
    assert accept(request()) == (
        b"HTTP/1.1 101 Switching Protocols\r\n"
        b"Upgrade: websocket\r\n"
        b"Connection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        b"X-Powered-By: Revurb\r\n"
        b"\r\n"
    )


def test_from_bytes_to_bytes() -> None:
    reader = HttpReader(max_head_bytes=1000, max_body_bytes=0)
    head = "".join(f"{name.title()}: {value}\r\n" for name, value in HEADERS.items())
    (found,) = reader.feed(f"GET /app/key1?protocol=7 HTTP/1.1\r\n{head}\r\n".encode() + b"\x81\x80")
    assert accept(found) == accept(request())
    assert reader.take_rest() == b"\x81\x80"


@pytest.mark.parametrize(
    "upgrade",
    ["websocket", "WebSocket", "WEBSOCKET", "h2c, websocket", "websocket, h2c", "foo ,\twebsocket,"],
)
@pytest.mark.parametrize("connection", ["Upgrade", "upgrade", "keep-alive, Upgrade", "UPGRADE,keep-alive"])
def test_tokens_in_any_case_and_company(upgrade: str, connection: str) -> None:
    assert accept(request(upgrade=upgrade, connection=connection)) == accept(request())
    assert asks_for_websocket(request(upgrade=upgrade, connection=connection))


def test_offers_are_not_taken_up() -> None:
    asking = request(
        sec_websocket_extensions="permessage-deflate; client_max_window_bits",
        sec_websocket_protocol="pusher, chat",
    )
    assert accept(asking) == accept(request())


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (None, None),
        ("", None),
        ("chat-7", "chat-7"),
        ("chat-x, chat-7,chat-8", "chat-7"),
        (", \tchat-7\t ,", "chat-7"),
        ("Chat-7", None),
        ("chat-7 chat-8", None),
        ("chat-7\xb2", None),
    ],
)
def test_the_first_subprotocol_that_is_spoken_is_taken_up(offered: str | None, chosen: str | None) -> None:
    asking = request(sec_websocket_protocol=offered)
    assert choose_subprotocol(asking, re.compile("chat-[0-9]")) == chosen


def test_what_is_taken_up_is_answered() -> None:
    answer = accept(request(), subprotocol="chat-7")
    assert answer == accept(request())[:-2] + b"Sec-WebSocket-Protocol: chat-7\r\n\r\n"


def test_further_headers_come_last() -> None:
    written = accept(request(), extra_headers=(("X-Node", "a"),))
    assert written.endswith(b"X-Powered-By: Revurb\r\nX-Node: a\r\n\r\n")
    with pytest.raises(ValueError, match="header"):
        accept(request(), extra_headers=(("X", "a\r\nb"),))


def test_only_get() -> None:
    error = refused(request("POST"))
    assert (error.status, error.headers) == (405, (("Allow", "GET"),))


def test_only_http_1_1() -> None:
    assert refused(request(version="1.0")).status == 505


@pytest.mark.parametrize("upgrade", [None, "", "h2c", "websockets", "web socket", "websocket/13"])
def test_another_upgrade_is_told_of_this_one(upgrade: str | None) -> None:
    assert not asks_for_websocket(request(upgrade=upgrade))
    error = refused(request(upgrade=upgrade))
    assert (error.status, error.headers) == (426, OFFER)


@pytest.mark.parametrize("connection", [None, "", "keep-alive", "close", "upgraded", "Upgrade keep-alive"])
def test_connection_must_name_upgrade(connection: str | None) -> None:
    assert refused(request(connection=connection)).status == 400


@pytest.mark.parametrize(
    "key",
    [
        None,
        "",
        "short",
        "dGhlIHNhbXBsZSBub25jZQ===",
        "dGhlIHNhbXBsZSBub25jZQ==\n",
        " dGhlIHNhbXBsZSBub25jZQ==",
        "dGhlIHNhbXBsZSBub25j",  # 15 bytes
        "dGhlIHNhbXBsZSBub25jZWU=",  # 17 bytes
        "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",  # sent twice
        "dGhl-HNhbXBsZSBub25jZQ==",
        "dGhlIHNhbXBsZSBub25jé===",
    ],
)
def test_the_key_is_sixteen_bytes_in_base64(key: str | None) -> None:
    assert refused(request(sec_websocket_key=key)).status == 400


@pytest.mark.parametrize(
    "key", ["AQIDBAUGBwgJCgsMDQ4PEC==", "AQIDBAUGBwgJCgsMDQ4PEC", "dGhlIHNhbXBsZSBub25jZQ="]
)
def test_bits_behind_the_sixteenth_byte_and_padding_do_not_matter(key: str) -> None:
    """The example of RFC 6455 4.1 has such bits, and Reverb decodes without padding. The proof is that of the key as
    sent."""
    answer = accept(request(sec_websocket_key=key))
    assert b"Sec-WebSocket-Accept: %b\r\n" % proof(key) in answer


def proof(key: str) -> bytes:
    digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
    return base64.b64encode(digest)


@pytest.mark.parametrize("version", ["13", "13, 8", "8, 13", "13,8,\t7", "13, 13", "13,"])
def test_a_list_of_versions_has_to_have_13(version: str) -> None:
    """Reverb reads the first one. Servers list theirs (RFC 6455 4.4); a client that does can speak each of them."""
    assert accept(request(sec_websocket_version=version)) == accept(request())


@pytest.mark.parametrize("version", [None, "", "8", "12", "14", "013", "8, 7", "1, 3", "13 8", "thirteen"])
def test_only_version_13(version: str | None) -> None:
    error = refused(request(sec_websocket_version=version))
    assert (error.status, error.headers) == (426, OFFER)


# Compression


def test_what_is_agreed_to_is_answered() -> None:
    asked = request(sec_websocket_extensions="x; y=1, permessage-deflate")
    agreement = agree(asked, Compression("shared"))
    assert agreement is not None
    assert accept(asked, agreement=agreement) == accept(request())[:-2] + (
        b"Sec-WebSocket-Extensions: permessage-deflate; "
        b"server_no_context_takeover; client_no_context_takeover\r\n\r\n"
    )


def test_nothing_is_agreed_to_unless_both_want_it() -> None:
    asked = request(sec_websocket_extensions="permessage-deflate")
    assert agree(asked, None) is None
    assert agree(request(), Compression("shared")) is None
    assert agree(request(sec_websocket_extensions="x-webkit-deflate-frame"), Compression("shared")) is None


def test_offers_that_cannot_be_read() -> None:
    """RFC 6455 9.1: the connection fails. Where nothing is agreed to, nobody looks."""
    asked = request(sec_websocket_extensions="permessage-deflate; =")
    with pytest.raises(HandshakeError) as caught:
        agree(asked, Compression("shared"))
    assert caught.value.status == 400
    assert agree(asked, None) is None
