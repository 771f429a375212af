"""Who is on which channel, over all processes: the sum of what each of them holds.

A node is a process. Everything a node holds goes away with it, so each count and each member knows its nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from revurb.pusher.ports import Member

ChannelKey = tuple[str, str]  # app id, channel


class _Channel:
    __slots__ = ("counts", "members")

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}  # node -> its subscribers
        self.members: dict[str, tuple[Member, set[str]]] = {}  # user id -> who it is, on which nodes


class Ledger:
    """All changes are absolute or idempotent: saying a thing twice changes nothing."""

    __slots__ = ("_channels", "_connections", "_held")

    def __init__(self) -> None:
        self._channels: dict[str, dict[str, _Channel]] = {}
        self._connections: dict[str, dict[str, int]] = {}
        self._held: dict[str, set[ChannelKey]] = {}  # node -> the channels that it has a part in

    def set_count(self, node: str, app_id: str, channel: str, count: int) -> None:
        """The node has `count` subscribers of the channel."""
        if count:
            self._open(node, app_id, channel).counts[node] = count
            return
        found = self._find(app_id, channel)
        if found is not None and found.counts.pop(node, None) is not None:
            self._tidy(node, app_id, channel, found)

    def join(self, node: str, app_id: str, channel: str, member: Member) -> bool:
        """The user is on the channel through this node; True if it was not there at all. The info seen first stays."""
        members = self._open(node, app_id, channel).members
        there = members.get(member.user_id)
        if there is None:
            members[member.user_id] = (member, {node})
            return True
        there[1].add(node)
        return False

    def leave(self, node: str, app_id: str, channel: str, user_id: str) -> Member | None:
        """The user is not there through this node any more; the member, if it is not there at all any more."""
        found = self._find(app_id, channel)
        there = found.members.get(user_id) if found is not None else None
        if found is None or there is None or node not in there[1]:
            return None
        member, nodes = there
        nodes.discard(node)
        if not nodes:
            del found.members[user_id]
        self._tidy(node, app_id, channel, found)
        return member if not nodes else None

    def has(self, app_id: str, channel: str, user_id: str) -> bool:
        """Whether the user is on the channel through any node."""
        found = self._find(app_id, channel)
        return found is not None and user_id in found.members

    def users_of(self, node: str) -> Iterator[tuple[str, str, str]]:
        """(app id, channel, user id) of everyone who is on a channel through this node; a snapshot."""
        for app_id, channel in tuple(self._held.get(node, ())):
            found = self._channels[app_id][channel]
            for user_id, (_, nodes) in tuple(found.members.items()):
                if node in nodes:
                    yield app_id, channel, user_id

    def keep_counts(self, node: str, keys: Iterable[ChannelKey]) -> None:
        """The node has no subscribers on any but these channels."""
        for app_id, channel in self._held.get(node, set()).difference(keys):
            self.set_count(node, app_id, channel, 0)

    def connect(self, node: str, app_id: str, change: int) -> None:
        """The node has `change` connections of the app more than before."""
        self._set_connections(node, app_id, self._connections.get(app_id, {}).get(node, 0) + change)

    def keep_connections(self, node: str, counts: dict[str, int]) -> None:
        """The node has these connections by app, and no others."""
        for app_id in [app_id for app_id, nodes in self._connections.items() if node in nodes]:
            if app_id not in counts:
                self._set_connections(node, app_id, 0)
        for app_id, count in counts.items():
            self._set_connections(node, app_id, count)

    def connections(self, app_id: str) -> int:
        return sum(self._connections.get(app_id, {}).values())

    def occupied(self, app_id: str, prefix: str = "") -> list[str]:
        """The channels that have subscribers."""
        channels = self._channels.get(app_id, {})
        return [name for name, found in channels.items() if found.counts and name.startswith(prefix)]

    def counts(self, app_id: str, channel: str) -> tuple[int, int]:
        """How many subscribers, how many users."""
        found = self._find(app_id, channel)
        return (0, 0) if found is None else (sum(found.counts.values()), len(found.members))

    def members(self, app_id: str, channel: str) -> list[Member]:
        """In order of joining."""
        found = self._find(app_id, channel)
        return [] if found is None else [member for member, _ in found.members.values()]

    def _set_connections(self, node: str, app_id: str, count: int) -> None:
        nodes = self._connections.setdefault(app_id, {})
        nodes[node] = count
        if count <= 0:
            del nodes[node]
            if not nodes:
                del self._connections[app_id]

    def _find(self, app_id: str, channel: str) -> _Channel | None:
        channels = self._channels.get(app_id)
        return None if channels is None else channels.get(channel)

    def _open(self, node: str, app_id: str, channel: str) -> _Channel:
        self._held.setdefault(node, set()).add((app_id, channel))
        channels = self._channels.setdefault(app_id, {})
        found = channels.get(channel)
        if found is None:
            found = channels[channel] = _Channel()
        return found

    def _tidy(self, node: str, app_id: str, channel: str, found: _Channel) -> None:
        """Forget what nothing is left of."""
        if node not in found.counts and not any(node in nodes for _, nodes in found.members.values()):
            held = self._held[node]
            held.discard((app_id, channel))
            if not held:
                del self._held[node]
        if not found.counts and not found.members:
            channels = self._channels[app_id]
            channels.pop(channel, None)
            if not channels:
                del self._channels[app_id]
