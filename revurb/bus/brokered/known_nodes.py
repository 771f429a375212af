"""What a node keeps of others: what it has received of them, and the members that their broker gave to it.

A node that dies within a lease before its hub does is known to that hub alone. So the hub gives its members to another
node, which reports them to the next hub.
"""

from __future__ import annotations

from collections.abc import Iterator

from revurb.bus.brokered import broker_messages as m


class KnownNodes:
    """By name. A broker counts as a node with the name of its epoch."""

    __slots__ = ("_entrusted", "_newest")

    def __init__(self) -> None:
        self._newest: dict[tuple[str, int], int] = {}  # node, partition -> the number of its newest event
        self._entrusted: dict[str, list[m.EntrustedMembers]] = {}

    def claim_delivery(self, node: str, partition: int, seq: int) -> bool:
        """Whether this node's subscribers have not got this event of another node yet. If True, the caller must deliver
        it."""
        source = (node, partition)
        if seq <= self._newest.get(source, 0):
            return False
        self._newest[source] = seq
        return True

    def keep(self, entrusted: m.EntrustedMembers) -> None:
        """Keep these members of a node that is away, or if there are none, forget all that are kept of it."""
        if entrusted.channels:
            self._entrusted.setdefault(entrusted.node, []).append(entrusted)
        else:
            self._entrusted.pop(entrusted.node, None)

    def gone(self, node: str) -> None:
        """A node has gone for good, and everyone has been told."""
        self._newest = {of: seq for of, seq in self._newest.items() if of[0] != node}
        self._entrusted.pop(node, None)

    def entrusted(self) -> Iterator[m.EntrustedMembers]:
        """What has to be reported to a broker."""
        for parts in tuple(self._entrusted.values()):
            yield from parts

    def welcomed(self) -> None:
        """A broker has what was reported. It gives it to some node again."""
        self._entrusted.clear()
