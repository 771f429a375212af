from typing import final

@final
class SigningKey:
    """Signs texts with a secret: HMAC-SHA256 (RFC 2104). Hashes for one thread at a time.

    Raises RuntimeError where Python's hashlib has no OpenSSL.
    """

    def __new__(cls, secret: bytes) -> SigningKey: ...
    def sign(self, text: bytes, /) -> str:
        """The signature in hex, 64 lower-case characters."""

@final
class Md5:
    """Hashes texts with MD5 (RFC 1321), which the Pusher protocol has for the body of a request. For one thread at a
    time.

    Raises RuntimeError where Python's hashlib has no OpenSSL, or that refuses MD5.
    """

    def __new__(cls) -> Md5: ...
    def of(self, text: bytes, /) -> str:
        """The digest in hex, 32 lower-case characters."""

@final
class Sha1:
    """Hashes texts with SHA-1 (RFC 3174), which the WebSocket handshake has (RFC 6455 4.2.2). For one thread at a time.

    Raises RuntimeError where Python's hashlib has no OpenSSL, or that refuses SHA-1.
    """

    def __new__(cls) -> Sha1: ...
    def of(self, text: bytes, /) -> bytes:
        """The digest, 20 bytes."""

__pyx_capi__: dict[str, object]  # what other kernels call
