"""What this process holds: for each channel its number of subscribers here, and on presence channels who they are.

It is what a process tells the others when it comes (back), and all there is to know where there is one process.
"""

from __future__ import annotations

from collections.abc import Iterator

from revurb.pusher.ports import Member


class Held:
    """One channel. `members` counts the connections of each user; the info seen first stays, as in Reverb."""

    __slots__ = ("count", "members")

    def __init__(self) -> None:
        self.count = 0
        self.members: dict[str, tuple[Member, int]] = {}

    def join(self, member: Member) -> bool:
        """Count a connection of this user; True if it is the user's first here."""
        there = self.members.get(member.user_id)
        self.members[member.user_id] = (member, 1) if there is None else (there[0], there[1] + 1)
        return there is None

    def leave(self, user_id: str) -> Member | None:
        """Take one connection of this user away; the member if it was the last one here."""
        member, connections = self.members[user_id]
        if connections > 1:
            self.members[user_id] = (member, connections - 1)
            return None
        del self.members[user_id]
        return member

    def who(self) -> list[Member]:
        return [member for member, _ in self.members.values()]


class Holdings:
    """The channels of each app that have subscribers here, and the connections of each app."""

    __slots__ = ("apps", "connections")

    def __init__(self) -> None:
        self.apps: dict[str, dict[str, Held]] = {}
        self.connections: dict[str, int] = {}

    def open(self, app_id: str, channel: str) -> Held:
        """The channel, made if nobody is on it yet."""
        channels = self.apps.get(app_id)
        if channels is None:
            channels = self.apps[app_id] = {}
        held = channels.get(channel)
        if held is None:
            held = channels[channel] = Held()
        return held

    def find(self, app_id: str, channel: str) -> Held | None:
        channels = self.apps.get(app_id)
        return None if channels is None else channels.get(channel)

    def close(self, app_id: str, channel: str) -> None:
        """Forget a channel that nobody is on."""
        channels = self.apps[app_id]
        del channels[channel]
        if not channels:
            del self.apps[app_id]

    def connect(self, app_id: str) -> int:
        """Count one more connection of the app; how many there are now."""
        self.connections[app_id] = count = self.connections.get(app_id, 0) + 1
        return count

    def disconnect(self, app_id: str) -> int:
        """Count one connection less; how many are left."""
        left = self.connections[app_id] - 1
        if left:
            self.connections[app_id] = left
        else:
            del self.connections[app_id]
        return left

    def items(self) -> Iterator[tuple[str, str, Held]]:
        """(app id, channel, what is held of it), for every channel."""
        for app_id, channels in self.apps.items():
            for channel, held in channels.items():
                yield app_id, channel, held
