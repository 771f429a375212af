"""The status that each node of a cluster reports when a survey asks for it."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable

import msgspec

from revurb.bus.engine import BusHealth
from revurb.version import __version__

STATUS_QUESTION = b"status"


class NodeStatus(msgspec.Struct, frozen=True):
    """The status of one node. None stands for a figure that a node of an older version does not report."""

    host: str
    pid: int
    version: str
    uptime_s: float
    connections: int
    state: str  # "ready", or the reason why it takes no new clients
    topics: int | None = None  # channels that it is subscribed to
    waiting: int | None = None  # its own events that Redis has not accepted yet
    lag_ms: float | None = None  # how late it receives events; None also if it is not measured
    dropped: int | None = None  # events that were discarded because too many waited for Redis
    missed: int | None = None  # number of disconnections that were longer than Redis keeps events
    invalid: int | None = None  # messages and values on the bus that could not be used
    php_nodes: int | None = None  # PHP Reverb nodes that it counts; None also if it leaves them alone

    @property
    def lost(self) -> int | None:
        """Events and periods that did not reach all subscribers. The operator should look into any but 0."""
        return None if self.dropped is None or self.missed is None else self.dropped + self.missed


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(NodeStatus).decode


def status_answerer(
    connections: Callable[[], int], unready: Callable[[], str | None], health: Callable[[], BusHealth]
) -> Callable[[bytes], bytes]:
    """The function that answers the surveys of the bus for a node. Its answer to a question other than
    `STATUS_QUESTION` is empty. `unready` returns the reason why the node takes no new clients, or None."""
    started_at = time.monotonic()

    def answer(question: bytes) -> bytes:
        if question != STATUS_QUESTION:
            return b""
        bus_health = health()
        return _encode(
            NodeStatus(
                host=socket.gethostname(),
                pid=os.getpid(),
                version=__version__,
                uptime_s=time.monotonic() - started_at,
                connections=connections(),
                state=unready() or "ready",
                topics=bus_health.topics,
                waiting=bus_health.waiting,
                lag_ms=None if bus_health.lag_s is None else round(bus_health.lag_s * 1000, 3),
                dropped=bus_health.dropped,
                missed=bus_health.missed,
                invalid=bus_health.invalid,
                php_nodes=bus_health.php_nodes,
            )
        )

    return answer


def read_statuses(answers: list[bytes]) -> list[NodeStatus]:
    """The statuses in the answers to a survey, by host and pid. Answers that cannot be decoded are left out."""
    statuses = []
    for answer in answers:
        try:
            statuses.append(_decode(answer))
        except (msgspec.MsgspecError, ValueError, RecursionError):
            continue  # a node of another version, or no node
    return sorted(statuses, key=lambda status: (status.host, status.pid))
