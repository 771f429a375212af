"""Who else is there: every node of the cluster says how it is."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable

import msgspec

from revurb.bus.engine import BusHealth
from revurb.version import __version__

QUESTION = b"status"


class NodeStatus(msgspec.Struct, frozen=True):
    """What a node says about itself. None is what one of an older version does not say."""

    host: str
    pid: int
    version: str
    uptime_s: float
    connections: int
    state: str  # "ready", or why it is not
    topics: int | None = None  # channels that it hears of
    waiting: int | None = None  # events of its own that Redis has not accepted yet
    lag_ms: float | None = None  # how far behind it hears; None also where there is nothing to be behind
    dropped: int | None = None  # events that waited while Redis was away, and were too many
    missed: int | None = None  # times that it was cut off for longer than events are kept

    @property
    def lost(self) -> int | None:
        """What has not come to whom it should: not 0 is a matter for the operator."""
        return None if self.dropped is None or self.missed is None else self.dropped + self.missed


_encode = msgspec.json.Encoder().encode
_read = msgspec.json.Decoder(NodeStatus).decode


def answering(
    connections: Callable[[], int], unready: Callable[[], str | None], health: Callable[[], BusHealth]
) -> Callable[[bytes], bytes]:
    """What answers a survey for a node; nothing to a question that it does not know."""
    started_at = time.monotonic()

    def answer(question: bytes) -> bytes:
        if question != QUESTION:
            return b""
        on_the_bus = health()
        return _encode(
            NodeStatus(
                host=socket.gethostname(),
                pid=os.getpid(),
                version=__version__,
                uptime_s=time.monotonic() - started_at,
                connections=connections(),
                state=unready() or "ready",
                topics=on_the_bus.topics,
                waiting=on_the_bus.waiting,
                lag_ms=None if on_the_bus.lag_s is None else round(on_the_bus.lag_s * 1000, 3),
                dropped=on_the_bus.dropped,
                missed=on_the_bus.missed,
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
