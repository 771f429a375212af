"""The keys of TLS session tickets, shared: a ticket that one process has given is taken by the others.

OpenSSL makes keys of its own for each context. So a client that comes back to another worker, or to one that was
started since, would need a full handshake, with the signature that a ticket spares it.

CPython has no call for these keys, and keeps OpenSSL's context in an object whose layout is its own affair. OpenSSL,
however, tells whoever asks of each context that it makes (CRYPTO_get_ex_new_index(3)), and that is how its address is
found here: it is asked while one is made. Where nothing is told, since the TLS library is another one or out of reach,
each process has its own keys, as without this file.
"""

from __future__ import annotations

import _ssl
import ctypes
import ssl
import threading
from typing import Any

KEYS_BYTES = 80  # of OpenSSL's keys: a name of 16, then 32 for HMAC, and 32 for AES

_SSL_CTX_CLASS = 1  # CRYPTO_EX_INDEX_SSL_CTX
_SET_TICKET_KEYS = 59  # SSL_CTRL_SET_TLSEXT_TICKET_KEYS

# What OpenSSL calls: the address of the new context comes first.
_OnNew = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_int,
    ctypes.c_long,
    ctypes.c_void_p,
)
_asking = threading.Lock()
_made: list[tuple[int, int]] = []  # thread and address of each context that was made while OpenSSL was asked


def _note(context: int, *_: object) -> int:
    _made.append((threading.get_ident(), context))
    return 1


_on_new = _OnNew(
    _note
)  # for good: a thread that makes a context may call it when it is not asked for any more


class TicketContext:
    """A new `context` for a server. It must outlive the last call of `set_keys`."""

    def __init__(self) -> None:
        self.context, self._address = _context_and_address()

    def set_keys(self, keys: bytes) -> bool:
        """Give tickets with these keys from now on, and take those only that were given with them. Returns False where
        keys cannot be set. Raises ValueError unless they are `KEYS_BYTES` long."""
        if len(keys) != KEYS_BYTES:
            raise ValueError(f"keys of session tickets are {KEYS_BYTES} bytes, not {len(keys)}")
        return (
            self._address is not None
            and _library().SSL_CTX_ctrl(self._address, _SET_TICKET_KEYS, KEYS_BYTES, keys) == 1
        )


def _context_and_address() -> tuple[ssl.SSLContext, int | None]:
    if not ssl.OPENSSL_VERSION.startswith(
        "OpenSSL "
    ):  # LibreSSL, AWS-LC: functions of these names are others there
        return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), None
    with _asking:
        try:
            library = _library()
            index = library.CRYPTO_get_ex_new_index(_SSL_CTX_CLASS, 0, None, _on_new, None, None)
        except (OSError, AttributeError):
            return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), None
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        finally:
            if index >= 0:
                library.CRYPTO_free_ex_index(_SSL_CTX_CLASS, index)
        ours = [address for thread, address in _made if thread == threading.get_ident()]
        _made.clear()
    return context, ours[0] if len(ours) == 1 else None


def _library() -> Any:
    """The OpenSSL that the module `ssl` uses, and no other: what its compiled part was linked with."""
    library: Any = ctypes.CDLL(getattr(_ssl, "__file__", None))
    library.CRYPTO_get_ex_new_index.argtypes = [
        ctypes.c_int,
        ctypes.c_long,
        ctypes.c_void_p,
        _OnNew,
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]
    library.CRYPTO_free_ex_index.argtypes = [ctypes.c_int, ctypes.c_int]
    library.SSL_CTX_ctrl.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_char_p]
    library.SSL_CTX_ctrl.restype = ctypes.c_long
    return library
