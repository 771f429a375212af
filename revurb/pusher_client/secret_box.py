"""Encrypted channels (Pusher docs, "End-to-end encryption"): the server forwards what it cannot read.

Each channel has a key of its own, which the application derives from its master key and gives to those who may
join. An event is NaCl's secretbox: `{"nonce": base64, "ciphertext": base64}`. It needs PyNaCl, which is in the
extra `revurb[encryption]`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping

from revurb.pusher_client.client_errors import ClientError

ENCRYPTED = "private-encrypted-"
KEY_BYTES = 32


class EncryptionUnavailable(ClientError):
    """PyNaCl is not installed."""

    def __init__(self) -> None:
        super().__init__("encrypted channels need PyNaCl: pip install 'revurb[encryption]'")


class CannotDecrypt(ClientError):
    """What came was not encrypted with this key, or is not encrypted at all."""


def is_encrypted(channel: str) -> bool:
    return channel.startswith(ENCRYPTED)


def shared_secret(channel: str, master_key: bytes) -> str:
    """The key of a channel, in base64, as Pusher's SDKs derive it: SHA-256 of the name and the master key."""
    return base64.b64encode(hashlib.sha256(channel.encode() + master_key).digest()).decode()


def read_key(text: object) -> bytes:
    """The key in what an application answers as `shared_secret`. Raises ValueError."""
    try:
        key = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError("shared_secret: an encrypted channel needs one, of 32 bytes in base64")
    return key


def need_encryption() -> None:
    """Raises EncryptionUnavailable if nothing can be decrypted here."""
    try:
        import nacl.secret  # noqa: F401
    except ImportError:
        raise EncryptionUnavailable from None


def decrypt(key: bytes, data: Mapping[str, object]) -> str:
    """The text in the data of an event. Raises CannotDecrypt."""
    from nacl.exceptions import CryptoError
    from nacl.secret import SecretBox

    try:
        nonce, ciphertext = (base64.b64decode(str(data[name])) for name in ("nonce", "ciphertext"))
        return SecretBox(key).decrypt(ciphertext, nonce).decode()
    except (KeyError, ValueError, CryptoError) as error:
        raise CannotDecrypt(str(error) or type(error).__name__) from error
