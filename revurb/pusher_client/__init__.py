"""A client of a Pusher server for asyncio, which resumes where it was.

In reading order: `channels_client` is what users see; `kept_connection` connects, and connects again by
`reconnect_schedule`; `subscribed_channel` is one channel, with `channel_positions` for its history, `handler_table` and
`consumer_queue` for those who get its events, `member_list` and `secret_box` for its kind; `subscription_requests`,
`authorizers` and `user_session` are about who may.
"""

from revurb.pusher_client.authorizers import AppAuth, AuthEndpoint
from revurb.pusher_client.channels_client import Client
from revurb.pusher_client.client_errors import (
    AuthRefused,
    AuthUnavailable,
    CannotConnect,
    ChannelRefused,
    ClientClosed,
    ClientError,
    ConnectionRefused,
    UserRefused,
)
from revurb.pusher_client.client_state import ClientState, StateChange
from revurb.pusher_client.kept_connection import ConnectionTiming
from revurb.pusher_client.member_list import ChannelMember, MemberList
from revurb.pusher_client.received_message import Event
from revurb.pusher_client.subscribed_channel import SubscribedChannel

__all__ = [
    "AppAuth",
    "AuthEndpoint",
    "AuthRefused",
    "AuthUnavailable",
    "CannotConnect",
    "ChannelMember",
    "ChannelRefused",
    "Client",
    "ClientClosed",
    "ClientError",
    "ClientState",
    "ConnectionRefused",
    "ConnectionTiming",
    "Event",
    "MemberList",
    "StateChange",
    "SubscribedChannel",
    "UserRefused",
]
