"""Who is on which channel, over all nodes: the sum of the nodes' own states.

Everything that a node holds is removed with it. So the ledger keeps each count and each member by node.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from revurb.pusher.ports import Member

ChannelKey = tuple[str, str]  # app id, channel


class LedgerObserver(Protocol):
    """What a ledger calls when a change decides something."""

    def occupied(self, app_id: str, channel: str) -> None:
        """The channel has its first subscriber."""

    def vacated(self, app_id: str, channel: str) -> None:
        """The channel's last subscriber has left."""

    def added(self, app_id: str, channel: str, user_id: str) -> None:
        """A user is new on the channel."""

    def removed(self, app_id: str, channel: str, user_id: str) -> None:
        """A user's last connection has left the channel."""

    def counted(self, app_id: str, channel: str, count: int) -> None:
        """The channel has `count` subscribers now."""


class _LedgerChannel:
    __slots__ = ("counts", "members")

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}  # node -> its subscribers
        self.members: dict[str, tuple[Member, set[str]]] = {}  # user id -> member, its nodes


class Ledger:
    """Subscribers, members and connections of all nodes. All changes but `add_connections` set a value or are
    idempotent: repeating one changes nothing. `observer` is told of what they decide, if there is one."""

    __slots__ = ("_channels", "_connections", "_keys_by_node", "observer")

    def __init__(self) -> None:
        self.observer: LedgerObserver | None = None
        self._channels: dict[str, dict[str, _LedgerChannel]] = {}
        self._connections: dict[str, dict[str, int]] = {}
        # Node -> the channels with a count or member of it.
        self._keys_by_node: dict[str, set[ChannelKey]] = {}

    def set_count(self, node: str, app_id: str, channel: str, count: int) -> None:
        """Set how many subscribers of the channel the node has."""
        if count:
            counts = self._find_or_create(node, app_id, channel).counts
            is_first = not counts
            counts[node] = count
            if self.observer is not None:
                if is_first:
                    self.observer.occupied(app_id, channel)
                self.observer.counted(app_id, channel, sum(counts.values()))
            return
        ledger_channel = self._find(app_id, channel)
        if ledger_channel is None or ledger_channel.counts.pop(node, None) is None:
            return
        self._discard_if_empty(node, app_id, channel, ledger_channel)
        if self.observer is not None:
            if not ledger_channel.counts:
                self.observer.vacated(app_id, channel)
            self.observer.counted(app_id, channel, sum(ledger_channel.counts.values()))

    def join(self, node: str, app_id: str, channel: str, member: Member) -> bool:
        """Add the node to those through which the user is on the channel. Returns True if the user was not there
        before. The user info that came first is kept."""
        members = self._find_or_create(node, app_id, channel).members
        present = members.get(member.user_id)
        if present is None:
            members[member.user_id] = (member, {node})
            if self.observer is not None:
                self.observer.added(app_id, channel, member.user_id)
            return True
        present[1].add(node)
        return False

    def leave(self, node: str, app_id: str, channel: str, user_id: str) -> Member | None:
        """Remove the node from those through which the user is on the channel. Returns the member if that was the last
        one, else None. A user who is not there is ignored."""
        ledger_channel = self._find(app_id, channel)
        present = ledger_channel.members.get(user_id) if ledger_channel is not None else None
        if ledger_channel is None or present is None or node not in present[1]:
            return None
        member, nodes = present
        nodes.discard(node)
        if not nodes:
            del ledger_channel.members[user_id]
        self._discard_if_empty(node, app_id, channel, ledger_channel)
        if nodes:
            return None
        if self.observer is not None:
            self.observer.removed(app_id, channel, user_id)
        return member

    def is_full_for(self, app_id: str, channel: str, user_id: str, max_members: int) -> bool:
        """Whether there are `max_members` users on the channel, and this is somebody else."""
        ledger_channel = self._find(app_id, channel)
        members = {} if ledger_channel is None else ledger_channel.members
        return len(members) >= max_members and user_id not in members

    def has_member(self, app_id: str, channel: str, user_id: str) -> bool:
        """Whether the user is on the channel through any node."""
        ledger_channel = self._find(app_id, channel)
        return ledger_channel is not None and user_id in ledger_channel.members

    def members_of_node(self, node: str) -> Iterator[tuple[str, str, Member]]:
        """(app id, channel, member) of every user who is on a channel through this node. The ledger may be changed
        meanwhile."""
        for app_id, channel in tuple(self._keys_by_node.get(node, ())):
            ledger_channel = self._find(app_id, channel)
            for member, nodes in () if ledger_channel is None else tuple(ledger_channel.members.values()):
                if node in nodes:
                    yield app_id, channel, member

    def keys_of_node(self, node: str) -> tuple[ChannelKey, ...]:
        """The channels with a count or member of the node."""
        return tuple(self._keys_by_node.get(node, ()))

    def add_connections(self, node: str, app_id: str, change: int) -> None:
        """Change the node's number of connections of the app by `change`."""
        self._set_connections(node, app_id, self._connections.get(app_id, {}).get(node, 0) + change)

    def replace_connections(self, node: str, counts: dict[str, int]) -> None:
        """Set the node's connections of all apps; those of apps that are not in `counts` to 0."""
        for app_id in [app_id for app_id, nodes in self._connections.items() if node in nodes]:
            if app_id not in counts:
                self._set_connections(node, app_id, 0)
        for app_id, count in counts.items():
            self._set_connections(node, app_id, count)

    def is_occupied(self, app_id: str, channel: str) -> bool:
        """Whether the channel has subscribers on any node."""
        ledger_channel = self._find(app_id, channel)
        return ledger_channel is not None and bool(ledger_channel.counts)

    def connections(self, app_id: str) -> int:
        """The number of connections of the app on all nodes."""
        return sum(self._connections.get(app_id, {}).values())

    def occupied_channels(self, app_id: str, prefix: str = "") -> list[str]:
        """The app's channels that have subscribers and whose names begin with `prefix`."""
        channels = self._channels.get(app_id, {})
        return [
            name
            for name, ledger_channel in channels.items()
            if ledger_channel.counts and name.startswith(prefix)
        ]

    def counts(self, app_id: str, channel: str) -> tuple[int, int]:
        """The number of subscribers and the number of users."""
        ledger_channel = self._find(app_id, channel)
        return (
            (0, 0)
            if ledger_channel is None
            else (sum(ledger_channel.counts.values()), len(ledger_channel.members))
        )

    def members(self, app_id: str, channel: str) -> list[Member]:
        """The members, in order of joining."""
        ledger_channel = self._find(app_id, channel)
        return [] if ledger_channel is None else [member for member, _ in ledger_channel.members.values()]

    def _set_connections(self, node: str, app_id: str, count: int) -> None:
        nodes = self._connections.setdefault(app_id, {})
        nodes[node] = count
        if count <= 0:
            del nodes[node]
            if not nodes:
                del self._connections[app_id]

    def _find(self, app_id: str, channel: str) -> _LedgerChannel | None:
        channels = self._channels.get(app_id)
        return None if channels is None else channels.get(channel)

    def _find_or_create(self, node: str, app_id: str, channel: str) -> _LedgerChannel:
        self._keys_by_node.setdefault(node, set()).add((app_id, channel))
        channels = self._channels.setdefault(app_id, {})
        ledger_channel = channels.get(channel)
        if ledger_channel is None:
            ledger_channel = channels[channel] = _LedgerChannel()
        return ledger_channel

    def _discard_if_empty(self, node: str, app_id: str, channel: str, ledger_channel: _LedgerChannel) -> None:
        """Forget a channel of the node, and the channel itself, when nothing is left of it."""
        if node not in ledger_channel.counts and not any(
            node in nodes for _, nodes in ledger_channel.members.values()
        ):
            keys = self._keys_by_node[node]
            keys.discard((app_id, channel))
            if not keys:
                del self._keys_by_node[node]
        if not ledger_channel.counts and not ledger_channel.members:
            channels = self._channels[app_id]
            channels.pop(channel, None)
            if not channels:
                del self._channels[app_id]
