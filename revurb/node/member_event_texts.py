"""The texts of the events that the bus publishes itself: about members, and how many subscribers there are. The bus
knows no protocol.

The one member of a user's `#online-` channel is that user, and its subscribers are those who have it on their
watchlist: that it comes or goes is that it is online or offline.
"""

from __future__ import annotations

from revurb.bus.member_events import MemberEvents
from revurb.pusher.channel_name import is_online_channel
from revurb.pusher.messages import (
    member_added_text,
    member_data,
    member_removed_text,
    subscription_count_text,
    watchlist_text,
)
from revurb.pusher.ports import Member


def _added(channel: str, member: Member) -> bytes:
    if is_online_channel(channel):
        return watchlist_text("online", [member.user_id])
    return member_added_text(channel, member_data(member))


def _removed(channel: str, member: Member) -> bytes:
    if is_online_channel(channel):
        return watchlist_text("offline", [member.user_id])
    return member_removed_text(channel, member.id_json)


MEMBER_EVENTS = MemberEvents(_added, _removed, subscription_count_text)
