"""When certificates end, against what another library reads of them."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
import trustme
from cryptography import x509

from revurb.transport.certificate import ends_at


@pytest.mark.parametrize(
    "end",
    [
        datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC),
        datetime(2049, 12, 31, tzinfo=UTC),
        datetime(2050, 1, 1, tzinfo=UTC),
    ],
)
@pytest.mark.parametrize("key_type", list(trustme.KeyType))
def test_the_end_is_read(end: datetime, key_type: trustme.KeyType) -> None:
    """From 2050 on it is written in another form."""
    issued = trustme.CA(key_type=key_type).issue_cert("localhost", not_after=end, key_type=key_type)
    pem = issued.cert_chain_pems[0].bytes()
    assert ends_at(b"some text\n" + pem + trustme.CA().cert_pem.bytes()) == end.timestamp()
    assert x509.load_pem_x509_certificate(pem).not_valid_after_utc == end


def test_what_is_no_certificate() -> None:
    pem = trustme.CA().cert_pem.bytes()
    lines = pem.splitlines(keepends=True)
    for text in (
        b"",
        b"nonsense",
        lines[0] + lines[-1],
        lines[0] + lines[1] + lines[-1],
        lines[0] + b"AAAA\n" + lines[-1],
    ):
        with pytest.raises(ValueError, match=r"certificate|"):
            ends_at(text)


def test_damage_raises_nothing_else() -> None:
    pem = trustme.CA().cert_pem.bytes()
    for at in range(30, len(pem) - 30):
        with contextlib.suppress(ValueError):
            ends_at(pem[:at] + bytes([pem[at] ^ 1]) + pem[at + 1 :])
