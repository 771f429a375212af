"""TLS by certificate and key."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from revurb.transport.certificate import ends_at

if TYPE_CHECKING:
    from revurb.transport.ticket_keys import TicketContext

_FileStamp: TypeAlias = tuple[int, ...] | None

# Sent to a peer that speaks HTTP where TLS is spoken, which otherwise sees its connection end without a word.
_SENTENCE = b"Bad request. This port speaks TLS: connect with https:// or wss://."
PLAIN_TEXT_ANSWER = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n"
    b"Connection: close\r\n\r\n%b" % (len(_SENTENCE), _SENTENCE)
)


class TlsError(Exception):
    """The certificate or the key cannot be used; the text names the file and the reason."""


class _Loaded(NamedTuple):
    context: ssl.SSLContext
    ends_at: float | None


class ServerTls:
    """A server context whose certificate can be renewed while connections are open. `ends_at` is when the one in use
    ends, in seconds since 1970; None if that cannot be read."""

    def __init__(
        self,
        cert: str,
        key: str,
        key_password: str | None = None,
        on_plain_text: Callable[[], None] = lambda: None,
        ticket_keys: Callable[[], bytes] | None = None,
    ) -> None:
        """`on_plain_text` is called for each peer that sends a plain request. `ticket_keys` gives the keys of session
        tickets that others use too; None leaves that to OpenSSL."""
        self._files = (cert, key, key_password)
        self._sslobject_class = _sslobject_class(on_plain_text)
        self._stamps = self._file_stamps()
        self._tickets = None if ticket_keys is None else _ticket_context()
        self._read_ticket_keys, self._ticket_keys = ticket_keys, b""
        first = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if self._tickets is None else self._tickets.context
        self.context, self.ends_at = self._load(first)
        self._newest = self.context
        self.renew_ticket_keys()

    @property
    def cert(self) -> str:
        """The path of the certificate."""
        return self._files[0]

    async def reload(self) -> None:
        """Read the files again. New connections get the new certificate, open ones keep theirs.

        Raises TlsError, and the old certificate stays in use, if the new one cannot be used.
        """
        self._stamps = self._file_stamps()  # before they are read: what changes meanwhile is seen later
        # In a thread: an encrypted key can take a while. Into a context of its own: half a change must not happen, and
        # one that is in use must not be written to by a thread.
        self._newest, self.ends_at = await asyncio.to_thread(
            self._load, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        )
        self.context.sni_callback = self._on_hello

    def renew_ticket_keys(self) -> None:
        """Use the keys of now, if they are others than before. A connection takes those of the context that it began
        with, whichever certificate it is shown."""
        if self._read_ticket_keys is not None and self._tickets is not None:
            before, self._ticket_keys = self._ticket_keys, self._read_ticket_keys()
            if self._ticket_keys != before:
                self._tickets.set_keys(self._ticket_keys)

    def changed_files(self) -> tuple[_FileStamp, ...] | None:
        """What tells the files of now from those that were read last; None if they are the same."""
        stamps = self._file_stamps()
        return None if stamps == self._stamps else stamps

    def _on_hello(self, connection: ssl.SSLObject, server_name: str | None, context: ssl.SSLContext) -> None:
        connection.context = self._newest

    def _load(self, context: ssl.SSLContext) -> _Loaded:
        cert, key, password = self._files
        context.sslobject_class = self._sslobject_class
        try:
            # Without a password OpenSSL would ask for one on the terminal: an encrypted key must fail instead.
            context.load_cert_chain(cert, key, password=password or "")
        except (OSError, ValueError) as error:
            raise TlsError(f"cannot use the TLS certificate {cert} with the key {key}: {error}") from error
        try:
            return _Loaded(context, ends_at(Path(cert).read_bytes()))
        except (OSError, ValueError):
            return _Loaded(context, None)

    def _file_stamps(self) -> tuple[_FileStamp, ...]:
        return tuple(_stamp(path) for path in self._files[:2] if path is not None)


def _ticket_context() -> TicketContext:
    from revurb.transport.ticket_keys import (
        TicketContext,  # with ctypes, which takes 0.4 MiB: for workers with TLS
    )

    return TicketContext()


def _stamp(path: str) -> _FileStamp:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


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
