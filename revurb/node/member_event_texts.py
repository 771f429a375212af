"""The texts of the events that the bus publishes itself: `member_added`, `member_removed` and `subscription_count`. The
bus knows no protocol."""

from __future__ import annotations

from revurb.bus.member_events import MemberEvents
from revurb.pusher.messages import member_added_text, member_removed_text, subscription_count_text
from revurb.pusher.ports import Member


def _added(channel: str, member: Member) -> bytes:
    data = b'{"user_id":%b,"user_info":%b}' % (member.id_json, member.info_json)
    return member_added_text(channel, data.decode())


def _removed(channel: str, member: Member) -> bytes:
    return member_removed_text(channel, member.id_json)


MEMBER_EVENTS = MemberEvents(_added, _removed, subscription_count_text)
