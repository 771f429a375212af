"""Whose process is at the other end of a Unix socket."""

from __future__ import annotations

import os
import socket
import struct

_UCRED = struct.Struct("3i")  # unix(7), SO_PEERCRED: pid, uid, gid


def is_own_peer(sock: socket.socket) -> bool:
    """Whether the other end belongs to this user, or to root. For a client the other end is who called listen(2).
    Linux only."""
    _, uid, _ = _UCRED.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return uid in (os.geteuid(), 0)
