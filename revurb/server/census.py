"""Who else is there: every node of the cluster says how it is."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable

import msgspec

import revurb

QUESTION = b"status"


class NodeStatus(msgspec.Struct, frozen=True):
    """What a node says about itself."""

    host: str
    pid: int
    version: str
    uptime_s: float
    connections: int
    state: str  # "ready", or why it is not


_encode = msgspec.json.Encoder().encode
_read = msgspec.json.Decoder(NodeStatus).decode


def answering(connections: Callable[[], int], unready: Callable[[], str | None]) -> Callable[[bytes], bytes]:
    """What answers a survey for a node; nothing to a question that it does not know."""
    started_at = time.monotonic()

    def answer(question: bytes) -> bytes:
        if question != QUESTION:
            return b""
        return _encode(
            NodeStatus(
                host=socket.gethostname(),
                pid=os.getpid(),
                version=revurb.__version__,
                uptime_s=time.monotonic() - started_at,
                connections=connections(),
                state=unready() or "ready",
            )
        )

    return answer


def read_census(answers: list[bytes]) -> list[NodeStatus]:
    """Those that make sense, by host and pid."""
    found = []
    for answer in answers:
        try:
            found.append(_read(answer))
        except msgspec.MsgspecError:
            continue  # a node of another version
    return sorted(found, key=lambda status: (status.host, status.pid))
