"""When a certificate ends, read from its file: the `ssl` module tells it of a peer's certificate only.

A certificate is a SEQUENCE of which the first element is another one: version (may be missing), serial number,
algorithm, issuer, validity, and so on (RFC 5280 4.1). The validity is a SEQUENCE of two times.
"""

from __future__ import annotations

import re
import ssl
from datetime import UTC, datetime

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_SEQUENCE, _VERSION, _UTC_TIME, _GENERALIZED_TIME = 0x30, 0xA0, 0x17, 0x18
_FORMATS = {_UTC_TIME: "%y%m%d%H%M%SZ", _GENERALIZED_TIME: "%Y%m%d%H%M%SZ"}


def ends_at(pem: bytes) -> float:
    """Seconds since 1970 at which the first certificate of a PEM file ends. Raises ValueError."""
    found = _PEM.search(pem)
    if found is None:
        raise ValueError("no certificate in PEM form")
    der = ssl.PEM_cert_to_DER_cert(found[0].decode("ascii"))
    try:
        fields = _elements(_content(_content(der, _SEQUENCE), _SEQUENCE))
        validity = fields[4 if fields[0][0] == _VERSION else 3]
        _, (kind, text) = _elements(validity[1])
        return datetime.strptime(text.decode("ascii"), _FORMATS[kind]).replace(tzinfo=UTC).timestamp()
    except (IndexError, KeyError) as error:
        raise ValueError("not a certificate") from error


def _content(der: bytes, kind: int) -> bytes:
    (found, content), *_ = _elements(der)
    if found != kind:
        raise ValueError("not a certificate")
    return content


def _elements(der: bytes) -> list[tuple[int, bytes]]:
    """The elements, one behind the other: their kinds and contents."""
    found, at = [], 0
    while at < len(der):
        kind, length = der[at], der[at + 1]
        at += 2
        if length & 0x80:  # the length itself has so many bytes
            size = length & 0x7F
            length = int.from_bytes(der[at : at + size])
            at += size
        if length > len(der) - at:
            raise ValueError("a certificate that is cut off")
        found.append((kind, der[at : at + length]))
        at += length
    return found
