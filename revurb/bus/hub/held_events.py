"""The events whose publishers have to keep them, because a worker has not been sent its share yet.

A share that is only in the broker's memory would be lost with the broker. So the broker tells the publisher that its
event is held, which may go on, and confirms it once all workers have their shares or have gone for good.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from revurb.bus.hub.peer import Peer


class HeldEvents:
    """Roughly in order of position. Bounded by the log: an event that the log has dropped is not held any more."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: deque[tuple[int, Peer, int, int]] = deque()  # position, publisher, partition, number

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, position: int, publisher: Peer, partition: int, seq: int) -> None:
        """Keep in mind that an event is not confirmed. One that comes after a higher position is settled with that."""
        self._held.append((position, publisher, partition, seq))

    def settle(self, position: int) -> Iterator[tuple[Peer, int, list[int]]]:
        """Remove the events up to `position`. Yields publisher, partition and numbers, for one confirmation each."""
        settled: dict[tuple[Peer, int], list[int]] = {}
        while self._held and self._held[0][0] <= position:
            _, publisher, partition, seq = self._held.popleft()
            settled.setdefault((publisher, partition), []).append(seq)
        for (publisher, partition), seqs in settled.items():
            yield publisher, partition, seqs

    def take_back(self, publisher: Peer, partition: int) -> list[int]:
        """Remove the events of one partition that this publisher keeps. Returns their positions."""
        positions = [each[0] for each in self._held if each[1] is publisher and each[2] == partition]
        if positions:
            self._held = deque(
                each for each in self._held if each[1] is not publisher or each[2] != partition
            )
        return positions
