"""The member events that this node causes, until the broker has confirmed them.

Each has a number, in the partition of its kind. So one that the broker did not get is reported again, one that only the
broker had is published again, and no subscriber hears of either twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from revurb.bus.brokered import broker_messages as m
from revurb.pusher.ports import Member, PublishedEvent


class MemberChange(NamedTuple):
    """A member event, and the member."""

    event: PublishedEvent
    member: Member


class MemberChanges:
    """`removed_text` makes the event of a member who has left, from (channel, member)."""

    __slots__ = ("_delivered_up_to", "_numbers", "_removed_text", "_unconfirmed")

    def __init__(self, removed_text: Callable[[str, Member], bytes]) -> None:
        self._removed_text = removed_text
        self._numbers = {m.ADDED_MEMBERS: 0, m.REMOVED_MEMBERS: 0}
        self._unconfirmed: dict[int, dict[int, MemberChange]] = {m.ADDED_MEMBERS: {}, m.REMOVED_MEMBERS: {}}
        # Partition -> the newest that this node's subscribers have got.
        self._delivered_up_to = {m.ADDED_MEMBERS: 0, m.REMOVED_MEMBERS: 0}

    def add(self, app_id: str, channel: str, member: Member, text: bytes) -> int:
        """A user is new on this node. Returns the number."""
        return self._keep(m.ADDED_MEMBERS, PublishedEvent(app_id, channel, text), member)

    def remove(self, app_id: str, channel: str, member: Member) -> int:
        """A user has left this node. Returns the number."""
        text = self._removed_text(channel, member)
        return self._keep(m.REMOVED_MEMBERS, PublishedEvent(app_id, channel, text), member)

    def find(self, partition: int, number: int) -> MemberChange | None:
        """A change that is not confirmed; None if it is."""
        return self._unconfirmed[partition].get(number)

    def pop(self, partition: int, number: int) -> MemberChange | None:
        """Forget a change: the broker has confirmed it, or told to hold its event. None if it is not known."""
        unconfirmed = self._unconfirmed.get(partition)  # not those of a broker's own events
        return None if unconfirmed is None else unconfirmed.pop(number, None)

    def departed(self, after: int = 0) -> Iterator[m.DepartedMember]:
        """The members that have left, as far as the broker has not confirmed it, from the number after that one on.
        Changes may be added and confirmed meanwhile."""
        unconfirmed = self._unconfirmed[m.REMOVED_MEMBERS]
        for number in tuple(unconfirmed):
            change = unconfirmed.get(number) if number > after else None
            if change is not None:
                yield m.DepartedMember(change.event.app_id, change.event.channel, change.member, number)

    def forget_departed(self) -> None:
        """A broker that confirms no change has been told of them."""
        self._unconfirmed[m.REMOVED_MEMBERS].clear()

    def claim_delivery(self, partition: int, number: int) -> bool:
        """Whether this node's subscribers have not got this event of its own yet. If True, the caller must deliver
        it."""
        if number <= self._delivered_up_to[partition]:
            return False
        self._delivered_up_to[partition] = number
        return True

    def _keep(self, partition: int, event: PublishedEvent, member: Member) -> int:
        self._numbers[partition] = number = self._numbers[partition] + 1
        self._unconfirmed[partition][number] = MemberChange(event, member)
        return number
