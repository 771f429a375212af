"""Digests are those of hashlib."""

from __future__ import annotations

import hashlib
import hmac
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revurb._speedups.digests import Md5, Sha1, SigningKey
from tests.speedups.test_handshakes import PLAIN

KEPT_MD5, KEPT_SHA1 = Md5(), Sha1()


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 200])
def test_signatures_with_secrets_of_any_length(size: int) -> None:
    secret = bytes(range(256))[:size]
    key = SigningKey(secret)
    for text in (b"", b"POST\n/apps/1/events\n", b"x" * 10_000):
        assert key.sign(text) == hmac.new(secret, text, "sha256").hexdigest()


@given(st.binary(max_size=300))
def test_a_hash_does_not_know_those_before_it(text: bytes) -> None:
    assert KEPT_MD5.of(text) == KEPT_MD5.of(text) == hashlib.md5(text).hexdigest()
    assert KEPT_SHA1.of(text) == KEPT_SHA1.of(text) == hashlib.sha1(text).digest()


def test_wrong_types() -> None:
    with pytest.raises(TypeError):
        SigningKey(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        SigningKey(b"s").sign("text")  # type: ignore[arg-type]


def test_without_openssl_the_kernel_is_there_and_refuses() -> None:
    program = f"""
import sys
sys.modules["_hashlib"] = None
from revurb._speedups.digests import Md5, Sha1, SigningKey
from revurb._speedups.handshakes import cut_handshake
assert cut_handshake({PLAIN[0]!r}, False) is None
for make in (Md5, Sha1, lambda: SigningKey(b"s")):
    try:
        make()
    except RuntimeError as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout == 3 * "this Python has no OpenSSL for its hashes\n"
