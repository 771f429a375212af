"""TLS by certificate and key."""

from __future__ import annotations

import ssl


class TlsError(Exception):
    """The certificate or the key cannot be used; the text names the file and the reason."""


class ServerTls:
    """A server context whose certificate can be renewed while connections are open."""

    def __init__(self, cert: str, key: str, key_password: str | None = None) -> None:
        self._files = (cert, key, key_password)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
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
