"""Encrypted events, beside what Pusher's SDK for Python encrypts, and with the fixtures of pusher-js."""

from __future__ import annotations

import base64
import sys

import pusher  # type: ignore[import-untyped]
import pytest
from pusher.crypto import encrypt  # type: ignore[import-untyped]

from revurb.pusher_client.secret_box import (
    CannotDecrypt,
    EncryptionUnavailable,
    decrypt,
    need_encryption,
    read_key,
    shared_secret,
)

MASTER_KEY = bytes(range(32))
CHANNEL = "private-encrypted-orders"


def test_the_key_of_a_channel_is_that_of_the_sdk() -> None:
    sdk = pusher.Pusher(
        "1", "k", "s", encryption_master_key_base64=base64.b64encode(MASTER_KEY).decode(), host="127.0.0.1"
    )
    answer = sdk.authenticate(channel=CHANNEL, socket_id="1.2")
    assert answer["shared_secret"] == shared_secret(CHANNEL, MASTER_KEY).encode()


def test_what_the_sdk_encrypts_can_be_read() -> None:
    key = read_key(shared_secret(CHANNEL, MASTER_KEY))
    assert decrypt(key, encrypt(CHANNEL, '{"ä":1}', MASTER_KEY)) == '{"ä":1}'


def test_the_fixtures_of_pusher_js() -> None:
    """Secret, nonce and payload of encrypted_channel_spec.js; the ciphertext was made by tweetnacl, which it uses."""
    secret = base64.b64encode(b"It Must Be Thirty Two Characters").decode()
    data = {"nonce": base64.b64encode(b"a" * 24).decode(), "ciphertext": CIPHERTEXT}
    assert decrypt(read_key(secret), data) == '{"test":"payload"}'


CIPHERTEXT = "2wM1YT9exdvm6Nb0nx6zWBQpwRXhlxKiLQMHGbf3H2VEmw=="


@pytest.mark.parametrize("text", [None, "", "!", "QQ==", base64.b64encode(bytes(33)).decode(), 7])
def test_what_is_no_key(text: object) -> None:
    with pytest.raises(ValueError, match="shared_secret: an encrypted channel needs one"):
        read_key(text)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"nonce": "QQ==", "ciphertext": "QQ=="},
        {"nonce": base64.b64encode(bytes(24)).decode(), "ciphertext": base64.b64encode(bytes(40)).decode()},
        {"nonce": 5, "ciphertext": None},
        encrypt("private-encrypted-other", "{}", MASTER_KEY),
    ],
)
def test_what_cannot_be_read(data: dict[str, object]) -> None:
    with pytest.raises(CannotDecrypt):
        decrypt(read_key(shared_secret(CHANNEL, MASTER_KEY)), data)


def test_without_pynacl_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    need_encryption()
    monkeypatch.setitem(sys.modules, "nacl.secret", None)
    with pytest.raises(EncryptionUnavailable, match=r"pip install 'revurb\[encryption\]'"):
        need_encryption()
