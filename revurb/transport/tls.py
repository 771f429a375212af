"""TLS by certificate and key."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

# Sent to a peer that speaks HTTP where TLS is spoken, which otherwise sees its connection end without a word.
_SENTENCE = b"Bad request. This port speaks TLS: connect with https:// or wss://."
PLAIN_TEXT_ANSWER = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n"
    b"Connection: close\r\n\r\n%b" % (len(_SENTENCE), _SENTENCE)
)


class TlsError(Exception):
    """The certificate or the key cannot be used; the text names the file and the reason."""


class ServerTls:
    """A server context whose certificate can be renewed while connections are open."""

    def __init__(
        self,
        cert: str,
        key: str,
        key_password: str | None = None,
        on_plain_text: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_plain_text` is called for each peer that sends a plain request."""
        self._files = (cert, key, key_password)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.sslobject_class = _sslobject_class(on_plain_text)
        self._load(self.context)

    def reload(self) -> None:
        """Read the files again. New connections get the new certificate, open ones keep theirs.

        Raises TlsError, and the old certificate stays in use, if the new one cannot be used.
        """
        self._load(
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        )  # first into a context that is not used: half a change must not happen
        self._load(self.context)

    def _load(self, context: ssl.SSLContext) -> None:
        cert, key, password = self._files
        try:
            # Without a password OpenSSL would ask for one on the terminal: an encrypted key must fail instead.
            context.load_cert_chain(cert, key, password=password or "")
        except (OSError, ValueError) as error:
            raise TlsError(f"cannot use the TLS certificate {cert} with the key {key}: {error}") from error


def _sslobject_class(on_plain_text: Callable[[], None]) -> type[ssl.SSLObject]:
    """A class of TLS connections that answers a plain request. Loops know such a peer only as a failed handshake."""

    class AnsweringSSLObject(ssl.SSLObject):
        _outgoing: ssl.MemoryBIO
        _failure: ssl.SSLError | None = None

        @classmethod
        def _create(cls, incoming: Any, outgoing: Any, *args: Any, **named: Any) -> AnsweringSSLObject:
            made: AnsweringSSLObject = super()._create(incoming, outgoing, *args, **named)  # type: ignore[misc]
            made._outgoing = outgoing
            return made

        def do_handshake(self) -> None:
            if self._failure is not None:
                raise self._failure
            try:
                super().do_handshake()
            except ssl.SSLError as error:
                if error.reason != "HTTP_REQUEST":
                    raise
                self._failure = error
                self._outgoing.write(PLAIN_TEXT_ANSWER)
                on_plain_text()
                # The loop sends what is outgoing, and waits for more: the end, or the time limit of handshakes.
                raise ssl.SSLWantReadError from None

    return AnsweringSSLObject
