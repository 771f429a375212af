"""What this node reports to a broker that knows nothing of it, in parts of bounded size.

The node goes on between the parts. What changes meanwhile on a channel that was reported already is reported again, so
that the last part and the `Hello` make a state of one moment.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import TypeAlias

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.member_changes import MemberChanges
from revurb.bus.brokered.pending_enters import PendingEnters
from revurb.bus.cache import EventCache
from revurb.bus.ledger import ChannelKey
from revurb.bus.local_state import LocalChannel, LocalState
from revurb.pusher.ports import Member

PART_BYTES = 64 * 1024  # written in 0.1 ms, read in 1 ms
ENTRY_BYTES = 20  # of a report, a member or an event, besides its texts

_Item: TypeAlias = m.ChannelReport | m.CachedEventReport | m.DepartedMember | m.EntrustedMembers


class Greeting:
    """`parts` first, and then `rest`. `reported` are the channels that have been reported. A part has `part_bytes` and
    one item more. `known` are the channels of whose subscribers a broker was told, if that is known, and
    `reopened` those of them of which it may have been told last that they have none."""

    __slots__ = (
        "_cache", "_changed", "_changes", "_departures", "_entrusted", "_known", "_part_bytes", "_pending", "_reopened",
        "_state", "reported",
    )  # fmt: skip

    def __init__(
        self,
        state: LocalState,
        cache: EventCache,
        pending: PendingEnters,
        changes: MemberChanges,
        part_bytes: float = PART_BYTES,
        entrusted: Iterable[m.EntrustedMembers] = (),
        known: Container[ChannelKey] | None = None,
        reopened: Container[ChannelKey] = (),
    ) -> None:
        self._known = known
        self._reopened = reopened
        self._entrusted = entrusted
        self._part_bytes = part_bytes
        self._state = state
        self._cache = cache
        self._pending = pending
        self._changes = changes
        self._changed: dict[ChannelKey, None] = {}  # since they were reported
        self._departures = 0  # the number of the last member who left that has been reported
        self.reported: set[ChannelKey] = set()

    def changed(self, key: ChannelKey) -> None:
        """The number of subscribers, or the members, of a channel have changed."""
        if key in self.reported:
            self._changed[key] = None

    def parts(self) -> Iterator[m.StatePart]:
        """All parts that are full, until what is left fits into one message."""
        part, size = m.StatePart([], [], []), 0
        for item, item_bytes in self._items():
            if isinstance(item, m.ChannelReport):
                part.channels.append(item)
            elif isinstance(item, m.CachedEventReport):
                part.cached.append(item)
            elif isinstance(item, m.EntrustedMembers):
                part.entrusted.append(item)
            else:
                part.departed.append(item)
            size += item_bytes
            if size >= self._part_bytes:
                yield part
                part, size = m.StatePart([], [], []), 0
        yield part

    def rest(self) -> m.StatePart:
        """What has changed since the parts."""
        part = m.StatePart([], [], [])
        for item, _ in self._changes_since():
            if isinstance(item, m.ChannelReport):
                part.channels.append(item)
            else:
                part.departed.append(item)
        return part

    def _items(self) -> Iterator[tuple[_Item, int]]:
        """Everything that is to be reported, with its size."""
        for app_id, channels in tuple(self._state.apps.items()):
            for channel in tuple(channels):
                local_channel = self._state.find(app_id, channel)
                if local_channel is not None:
                    yield from self._reports(app_id, channel, local_channel)
        for (app_id, channel), event in self._cache.items():
            position = self._cache.position(app_id, channel)
            report = m.CachedEventReport(app_id, channel, event.text, event.ttl_s, position)
            yield report, len(event.text) + len(channel) + ENTRY_BYTES
        for entrusted in self._entrusted:
            yield entrusted, sum(report_bytes(each) for each in entrusted.channels)
        yield from self._changes_since()

    def _changes_since(self) -> Iterator[tuple[m.ChannelReport | m.DepartedMember, int]]:
        for departed in self._changes.departed(self._departures):
            self._departures = departed.change
            yield departed, len(departed.channel) + member_bytes(departed.member)
        while self._changed:
            app_id, channel = key = next(iter(self._changed))
            del self._changed[key]
            local_channel = self._state.find(app_id, channel)
            if local_channel is not None:
                yield from self._reports(app_id, channel, local_channel)
            else:
                self.reported.discard(key)
                yield m.ChannelReport(app_id, channel, 0, []), len(channel) + ENTRY_BYTES

    def _reports(
        self, app_id: str, channel: str, local_channel: LocalChannel
    ) -> Iterator[tuple[m.ChannelReport, int]]:
        """The reports of one channel, of which all but the first continue the one before. They are of one moment: a
        change between them is noticed, since the channel counts as reported from the first on."""
        self.reported.add((app_id, channel))
        is_entering = self._pending.is_entering
        report = m.ChannelReport(app_id, channel, local_channel.count, [])
        size = len(channel) + ENTRY_BYTES
        report.is_new = self._known is not None and (
            (app_id, channel) not in self._known or (app_id, channel) in self._reopened
        )
        for member in local_channel.member_list():
            if is_entering((app_id, channel, member.user_id)):
                report.entering.append(member.user_id)
            else:
                report.members.append(member)
            size += member_bytes(member)
            if size >= self._part_bytes:
                yield report, size
                report, size = (
                    m.ChannelReport(app_id, channel, local_channel.count, [], [], True),
                    ENTRY_BYTES,
                )
        yield report, size


def report_bytes(report: m.ChannelReport) -> int:
    """About how many bytes a report takes in a message."""
    return len(report.channel) + ENTRY_BYTES + sum(map(member_bytes, report.members))


def member_bytes(member: Member) -> int:
    """About how many bytes a member takes in a message."""
    return len(member.user_id) + len(member.id_json) + len(member.info_json) + ENTRY_BYTES
