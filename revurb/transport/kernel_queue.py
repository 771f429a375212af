"""How much the kernel still holds for a peer."""

from __future__ import annotations

import fcntl
import struct
from termios import TIOCOUTQ

_NOTHING = bytes(struct.calcsize("i"))


def kernel_queue_bytes(fd: int) -> int:
    """The bytes in the send queue of a socket that the peer has not acknowledged; 0 where that is not known: tcp(7),
    SIOCOUTQ, which has the number of TIOCOUTQ. Takes 1 us."""
    try:
        (count,) = struct.unpack("i", fcntl.ioctl(fd, TIOCOUTQ, _NOTHING))
    except (OSError, ValueError):  # the descriptor is closed, or the system does not tell
        return 0
    return int(count)
