"""What a node keeps of others: what it has received of them, and the members that their broker gave to it.

A node that dies within a lease before its hub does is known to that hub alone. So the hub gives its members to another
node, which reports them to the next hub.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from revurb.bus.brokered import broker_messages as m

MAX_PARTITIONS = 1024
_NOTHING = bytes(8 * (MAX_PARTITIONS + 2))  # 8 KiB for each node, however many there are in use


class KnownNodes:
    """By name. A broker counts as a node with the name of its epoch."""

    __slots__ = ("_entrusted", "_newest")

    def __init__(self) -> None:
        # Node -> by partition the number of its newest event; those of member events, below 0, are at the end.
        self._newest: dict[str, array[int]] = {}
        self._entrusted: dict[str, list[m.EntrustedMembers]] = {}

    def claim_delivery(self, node: str, partition: int, seq: int) -> bool:
        """Whether this node's subscribers have not got this event of another node yet. If True, the caller must deliver
        it."""
        newest = self._newest.get(node)
        if newest is None:
            newest = self._newest[node] = array("Q", _NOTHING)
        if seq <= newest[partition]:
            return False
        newest[partition] = seq
        return True

    def keep(self, entrusted: m.EntrustedMembers) -> None:
        """Keep these members of a node that is away, or if there are none, forget all that are kept of it."""
        if entrusted.channels:
            self._entrusted.setdefault(entrusted.node, []).append(entrusted)
        else:
            self._entrusted.pop(entrusted.node, None)

    def gone(self, node: str) -> None:
        """A node has gone for good, and everyone has been told."""
        self._newest.pop(node, None)
        self._entrusted.pop(node, None)

    def entrusted(self) -> Iterator[m.EntrustedMembers]:
        """What has to be reported to a broker."""
        for parts in tuple(self._entrusted.values()):
            yield from parts

    def welcomed(self) -> None:
        """A broker has what was reported. It gives it to some node again."""
        self._entrusted.clear()
