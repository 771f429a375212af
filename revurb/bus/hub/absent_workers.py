"""Workers that are disconnected and may come back: for one lease, in which all that they hold stays.

What they hold is only in this process's memory: it would be lost with it, and nobody would be told of their members. So
another worker is given the members to keep (`EntrustedMembers`). A broker that replaces this one gets them in that
worker's `Hello` (`inherit`), and has the members for one lease more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.greeting import ENTRY_BYTES, PART_BYTES, member_bytes
from revurb.bus.hub.peer import ConnectedPeers, Peer
from revurb.bus.ledger import Ledger

_log = logging.getLogger(__name__)

MAX_ENTRUSTED_BYTES = 32 * 1024 * 1024  # of one worker: 300,000 members


class AbsentWorkers:
    """By node. `clock` gives monotonic seconds."""

    __slots__ = ("_clock", "_ends_at", "_inherited", "_keepers", "_lease_s", "_ledger", "_peers")

    def __init__(
        self, ledger: Ledger, peers: ConnectedPeers, clock: Callable[[], float], lease_s: float
    ) -> None:
        self._ledger = ledger
        self._peers = peers
        self._clock = clock
        self._lease_s = lease_s
        self._ends_at: dict[str, float] = {}  # when the lease ends
        self._keepers: dict[str, Peer] = {}  # those that keep the members
        self._inherited: set[str] = set()  # they have never connected to this broker

    def add(self, peer: Peer) -> None:
        """A worker's connection has ended: its lease begins."""
        self._ends_at[peer.node] = self._clock() + self._lease_s

    def came_back(self, node: str) -> None:
        """A worker has connected, perhaps for the first time."""
        keeper = self._remove(node)
        if keeper is not None:
            keeper.send(m.EntrustedMembers(node, []))

    def buried(self, node: str) -> None:
        """A worker has gone for good. Its keeper is told when everyone is (`NodeGone`)."""
        self._remove(node)

    def ended(self) -> list[str]:
        """The nodes whose leases have ended."""
        now = self._clock()
        return [node for node, ends_at in self._ends_at.items() if ends_at <= now]

    def disconnected(self, keeper: Peer) -> None:
        """A worker takes nothing any more, and keeps nothing."""
        for node in [node for node, peer in self._keepers.items() if peer is keeper]:
            del self._keepers[node]

    @property
    def all_are_kept(self) -> bool:
        """Whether each has somebody who keeps its members."""
        return len(self._keepers) == len(self._ends_at)

    def entrust(self) -> Iterator[None]:
        """Give the members of those without a keeper to one."""
        for node in tuple(self._ends_at):
            keeper = self._peers.keeper()
            if keeper is None:
                return
            if node in self._keepers or node not in self._ends_at:
                continue
            self._keepers[node] = keeper
            for part in self._parts(node):
                if self._keepers.get(node) is not keeper:
                    break  # the worker has come back, or its keeper has gone
                if part:
                    keeper.send(m.EntrustedMembers(node, part))
                yield

    def inherit(self, entrusted: Sequence[m.EntrustedMembers]) -> Iterator[None]:
        """Have for one lease the workers that an earlier broker had, unless they are known to this one."""
        for each in entrusted:
            node = each.node
            if node not in self._inherited:
                if node in self._peers or node in self._ends_at:
                    continue
                self._inherited.add(node)
                self._ends_at[node] = self._clock() + self._lease_s
            for report in each.channels:
                for member in report.members:
                    if node in self._inherited:
                        self._ledger.join(node, report.app_id, report.channel, member)
                    yield

    def tell_unknown(self, unaccounted_workers: int) -> None:
        """All workers have reported to a broker that replaces another one, but for so many that this one had. Those
        whose members nobody keeps died together with it."""
        unknown = unaccounted_workers - len(self._inherited)
        if unknown > 0:
            _log.error(
                "workers died with the hub: others may not be told of the end of their members",
                extra={"workers": unknown},
            )
            self._peers.send_to_all(m.EventsMissed(unknown))

    def _remove(self, node: str) -> Peer | None:
        self._ends_at.pop(node, None)
        self._inherited.discard(node)
        return self._keepers.pop(node, None)

    def _parts(self, node: str) -> Iterator[list[m.ChannelReport]]:
        """The members in parts of PART_BYTES, with empty ones between them: one for each member that is looked at."""
        part: list[m.ChannelReport] = []
        size_bytes = total_bytes = 0
        for app_id, channel, member in self._ledger.members_of_node(node):
            if not part or (part[-1].app_id, part[-1].channel) != (app_id, channel):
                part.append(m.ChannelReport(app_id, channel, 0, []))
                size_bytes += len(channel) + ENTRY_BYTES
            part[-1].members.append(member)
            size_bytes += member_bytes(member)
            if size_bytes < PART_BYTES:
                yield []
                continue
            yield part
            total_bytes += size_bytes
            part, size_bytes = [], 0
            if total_bytes > MAX_ENTRUSTED_BYTES:
                _log.warning(
                    "a worker is away whose members are too many: if this process ends now, some stay for ever",
                    extra={"node": node, "limit_bytes": MAX_ENTRUSTED_BYTES},
                )
                return
        yield part
