"""Outboxes over real socket pairs, and the loop that flushes them, which a test turns itself."""

from __future__ import annotations

import socket
from typing import Any

from revurb._speedups.fanout import Fanout, Outbox


class Peer(Outbox):
    """An outbox whose transport is a list, and whose other end is `there`."""

    def __init__(self) -> None:
        self.here, self.there = socket.socketpair()
        self.here.setblocking(False)
        self.there.setblocking(False)
        self.through_transport: list[bytes] = []
        self.transport_bytes = 0

    def transport_is_empty(self) -> bool:
        return self.transport_bytes == 0

    def write_to_transport(self, frames: list[Any], /) -> None:
        for frame in frames:
            self.through_transport.append(bytes(frame))
            self.transport_bytes += len(frame)

    def close(self) -> None:
        self.detach()
        self.here.close()
        self.there.close()

    def received(self) -> bytes:
        got = b""
        try:
            while piece := self.there.recv(1 << 20):
                got += piece
        except BlockingIOError:
            pass
        return got


class Loop:
    """Counts how often it was asked to flush, and makes peers."""

    def __init__(self) -> None:
        self.wakes = 0
        self.fanout = Fanout(self.woken)
        self.peers: list[Peer] = []

    def woken(self) -> None:
        self.wakes += 1

    def peer(self, *, tls: bool = False) -> Peer:
        peer = Peer()
        peer.attach(self.fanout, -1 if tls else peer.here.fileno())
        self.peers.append(peer)
        return peer

    def flush(self) -> bool:
        return self.fanout.flush(1.0)
