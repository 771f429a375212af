"""What the kernel knows of a connection: how much it still holds for the peer, and when it has last sent something."""

from __future__ import annotations

import fcntl
import socket
import struct
import sys
from termios import TIOCOUTQ
from typing import NamedTuple, Protocol

_NOTHING = bytes(struct.calcsize("i"))
_TRAFFIC = struct.Struct("120xQQ64xQ")  # bytes acknowledged, received and sent
_LAST_DATA_SENT = struct.Struct("44xI")  # ms, in Linux' tcp_info (linux/tcp.h)


class TcpSocket(Protocol):
    """What is asked of a socket: uvloop's are none in all else."""

    def getsockopt(self, level: int, option: int, size: int, /) -> bytes: ...


class Traffic(NamedTuple):
    """Bytes of TCP, with those of handshake and TLS."""

    received: int
    sent: int


def kernel_queue_bytes(fd: int) -> int:
    """The bytes in the send queue of a socket that the peer has not acknowledged; 0 where that is not known: tcp(7),
    SIOCOUTQ, which has the number of TIOCOUTQ. Takes 1 us."""
    try:
        (count,) = struct.unpack("i", fcntl.ioctl(fd, TIOCOUTQ, _NOTHING))
    except (OSError, ValueError):  # the descriptor is closed, or the system does not tell
        return 0
    return int(count)


def seconds_since_sent(sock: TcpSocket | None) -> float | None:
    """How long ago data was last sent to the peer; None where that is not known: Unix sockets, other systems.

    0 without a socket: memory has no proxy. Takes 1 us.
    """
    if sock is None:
        return 0.0
    if sys.platform != "linux":
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_DATA_SENT.size)
    except OSError:
        return None
    return _LAST_DATA_SENT.unpack(info)[0] / 1000.0 if len(info) == _LAST_DATA_SENT.size else None


def traffic_bytes(sock: TcpSocket | None) -> Traffic | None:
    """What has been received from the peer and sent to it; None where that is not known. Takes 1 us."""
    if sock is None or sys.platform != "linux":
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TRAFFIC.size)
    except OSError:
        return None
    if len(info) < _TRAFFIC.size:
        return None
    _, received, sent = _TRAFFIC.unpack(info)
    return Traffic(received, sent)
