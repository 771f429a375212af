"""What a worker has not been sent yet, because its connection takes no more.

Events are not kept for it: it is sent them from the log, from where it was left. Only the replies to it are kept, each
with its place among the events. So a worker that takes nothing costs its connection's buffer and the replies, however
much is published.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from revurb.bus.brokered import broker_messages as m
from revurb.bus.hub.event_log import EventLog
from revurb.bus.hub.framing import encode_frame
from revurb.bus.ledger import ChannelKey

SLICE_BYTES = 128 * 1024  # handed to the connection at a time
_SLICE_EVENTS = 2000  # looked at for a slice: 1 ms


class Backlog:
    """Up to `position` everything was given to the connection, and up to `settled` the kernel has it.

    `bytes` is the size of the replies that wait.
    """

    __slots__ = ("_log", "_replies", "bytes", "position", "settled")

    def __init__(self, log: EventLog, position: int, settled: int) -> None:
        self._log = log
        self.position = position
        self.settled = settled
        self.bytes = 0
        self._replies: deque[tuple[int, bytes]] = (
            deque()
        )  # the position after which it has to be sent, the reply

    def add_reply(self, data: bytes) -> None:
        """Send this behind all events that there are now."""
        self._replies.append((self._log.position, data))
        self.bytes += len(data)

    @property
    def is_empty(self) -> bool:
        """Whether everything was given to the connection."""
        return self.position == self._log.position and not self._replies

    def took_all(self) -> None:
        """The kernel has everything that was given to the connection."""
        self.settled = self.position

    def next_slice(self, topics: Mapping[ChannelKey, int]) -> list[bytes]:
        """What comes next, at most SLICE_BYTES and one message more. `topics` are the worker's, each with the position
        after which it wants the events."""
        data: list[bytes] = []
        log, size, looked_at = self._log, 0, 0
        missed = log.missed(self.position)
        if missed:
            self.position += missed
            data.append(encode_frame(m.EventsMissed(missed)))
        while size < SLICE_BYTES and looked_at < _SLICE_EVENTS:
            if self._replies and self._replies[0][0] <= self.position:
                reply = self._replies.popleft()[1]
                self.bytes -= len(reply)
                data.append(reply)
                size += len(reply)
                continue
            entry = log.entry(self.position + 1)
            if entry is None:
                break
            self.position += 1
            looked_at += 1
            if entry.key[1] == m.TERMINATIONS or topics.get(entry.key, entry.position) < entry.position:
                data.append(entry.data)
                size += len(entry.data)
        return data
