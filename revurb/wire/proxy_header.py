"""The PROXY protocol, versions 1 and 2: what a proxy sends ahead of everything else, to say who its client is.

https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt. Version 1 is a line of text, version 2 is binary. TLVs
behind the addresses of version 2 are passed over.
"""

from __future__ import annotations

import ipaddress
import struct
from typing import NamedTuple

V2_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_V1_START = b"PROXY "
MAX_V1_BYTES = 107  # section 2.1, with the line end
MAX_V2_BYTES = 4096  # the longest in the field are those with the names of a client's certificate
_V2_HEAD = struct.Struct("!12sBBH")
_V4, _V6 = struct.Struct("!4s4sHH"), struct.Struct("!16s16sHH")
_LOCAL, _PROXY = 0x20, 0x21
_UNSPEC, _INET, _INET6, _UNIX = range(4)  # the upper half of the byte of the family
_DATAGRAM = 2  # the lower half
_V1_FAMILIES = {"TCP4": 4, "TCP6": 6}


class ProxyHeaderError(ValueError):
    """What came is no PROXY header; the text says why."""


class ProxyHeader(NamedTuple):
    """`client` is its host and port; None where the connection is the proxy's own (LOCAL, UNKNOWN), or has no such
    address. `size_bytes` is where what the client sent begins."""

    client: tuple[str, int] | None
    size_bytes: int


def read_proxy_header(data: bytes) -> ProxyHeader | None:
    """The header at the start of `data`; None if it is not whole yet. Raises ProxyHeaderError."""
    if data.startswith(_V1_START[: len(data)]):
        return _read_v1(data)
    if data.startswith(V2_SIGNATURE[: len(data)]):
        return _read_v2(data)
    raise ProxyHeaderError("it begins with neither PROXY nor the signature of version 2")


def _read_v1(data: bytes) -> ProxyHeader | None:
    end = data.find(b"\r\n", 0, MAX_V1_BYTES)
    if end < 0:
        if len(data) >= MAX_V1_BYTES:
            raise ProxyHeaderError(f"its line is longer than {MAX_V1_BYTES} bytes")
        return None
    words = data[:end].decode("latin-1").split(" ")
    if words[1] == "UNKNOWN":
        return ProxyHeader(None, end + 2)
    if len(words) != 6 or words[1] not in _V1_FAMILIES:
        raise ProxyHeaderError("its line is not PROXY, TCP4 or TCP6, two addresses and two ports")
    version = _V1_FAMILIES[words[1]]
    for text in words[2:4]:
        _check_address(text, version)
    port, _ = map(_port, words[4:])
    return ProxyHeader((words[2], port), end + 2)


def _check_address(text: str, version: int) -> None:
    try:
        if ipaddress.ip_address(text).version != version or "%" in text:
            raise ValueError(text)
    except ValueError:
        raise ProxyHeaderError(f"one of its addresses is none of IPv{version}") from None


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= 65535):
        raise ProxyHeaderError("one of its ports is no number from 0 to 65535")
    return int(text)


def _read_v2(data: bytes) -> ProxyHeader | None:
    if len(data) < _V2_HEAD.size:
        return None
    _, command, kind, length = _V2_HEAD.unpack_from(data)
    size = _V2_HEAD.size + length
    if command not in (_LOCAL, _PROXY):
        raise ProxyHeaderError("its version and command are neither 2, PROXY nor 2, LOCAL")
    if size > MAX_V2_BYTES:
        raise ProxyHeaderError(f"it has {size} bytes; at most {MAX_V2_BYTES} are read")
    family, transport = kind >> 4, kind & 15
    if command == _PROXY and (family > _UNIX or transport > _DATAGRAM):
        raise ProxyHeaderError("its family or transport is not known")
    if len(data) < size:
        return None
    if command == _LOCAL or family not in (_INET, _INET6):
        return ProxyHeader(None, size)
    addresses = _V4 if family == _INET else _V6
    if length < addresses.size:
        raise ProxyHeaderError("it ends before its addresses do")
    source, _, port, _ = addresses.unpack_from(data, _V2_HEAD.size)
    return ProxyHeader((str(ipaddress.ip_address(source)), port), size)
