"""Subscribing and unsubscribing: who may, what is said, and in which order.

Order, as captured from Reverb: member_added to the others, subscription_succeeded to the joiner, then for a
cache channel its last event or cache_miss. Nothing is created for a subscription that is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from revurb.pusher import messages
from revurb.pusher.channel import Channel
from revurb.pusher.channel_name import ChannelName, acceptable
from revurb.pusher.errors import InvalidMessage, Unauthorized
from revurb.pusher.presence import Identity, read_identity

if TYPE_CHECKING:
    from revurb.pusher.session import Session


def subscribe(session: Session, wanted: messages.Subscription) -> None:
    """Put `session` on a channel, or raise: InvalidMessage for a request that makes no sense, Unauthorized for one
    that is not signed by the app. Doing it again is answered again (as Reverb); under another user id it is
    leaving and joining."""
    if not acceptable(wanted.channel):
        raise InvalidMessage
    name = ChannelName.parse(wanted.channel)
    identity = _authorize(session, name, wanted)
    channel = session.channels.get(name.text)
    if channel is not None:
        present = channel.subscribers[session.outlet]
        if present is not None and identity is not None and present.user_id != identity.user_id:
            _leave(session, channel)
            channel = None
    if channel is None:
        _join(session, name, identity, wanted.channel_data)
    _confirm(session, name)


def unsubscribe(session: Session, channel_name: str) -> None:
    """Take `session` off a channel. Silent, also when it was not on it."""
    channel = session.channels.get(channel_name)
    if channel is not None:
        _leave(session, channel)


def leave_all(session: Session) -> None:
    """Take a connection that has ended off all its channels."""
    for channel in tuple(session.channels.values()):
        _leave(session, channel)


def _authorize(session: Session, name: ChannelName, wanted: messages.Subscription) -> Identity | None:
    """Check the signature: `key:HMAC(socket_id:channel[:channel_data])` (Pusher docs, "Auth signatures").

    `channel_data` counts on guarded channels only, where it is signed: elsewhere anyone could be anyone.
    """
    if name.reserved:
        raise Unauthorized(f"{name.text} is reserved for the server")
    if not name.guarded:
        return None
    app, data = session.state.app, wanted.channel_data
    key, _, signature = wanted.auth.partition(":") if isinstance(wanted.auth, str) else ("", "", "")
    if data is not None and not isinstance(data, str):
        raise InvalidMessage
    signed = f"{session.socket_id}:{name.text}" + (f":{data}" if data is not None else "")
    if key != app.key or not app.signed(signed, signature):
        raise Unauthorized
    if not name.presence:
        return None
    if data is None:
        raise Unauthorized("A presence channel needs channel_data with a user_id")
    try:
        return read_identity(data)
    except ValueError as error:
        raise Unauthorized(str(error)) from error


def _join(session: Session, name: ChannelName, identity: Identity | None, channel_data: object) -> None:
    state = session.state
    channel = state.open_channel(name)
    if channel.roster is not None and identity is not None:
        state.identify(session, identity.user_id)
        if channel.roster.join(identity):
            channel.deliver(messages.frame(messages.member_added_text(name.text, str(channel_data))))
    channel.subscribers[session.outlet] = identity
    session.channels[name.text] = channel


def _leave(session: Session, channel: Channel) -> None:
    state = session.state
    identity = channel.subscribers.pop(session.outlet)
    del session.channels[channel.name.text]
    if channel.roster is not None and identity is not None:
        state.forget(session, identity.user_id)
        gone = channel.roster.leave(identity.user_id)
        if gone is not None:
            channel.deliver(messages.frame(messages.member_removed_text(channel.name.text, gone.id_json)))
    state.close_if_empty(channel)


def _confirm(session: Session, name: ChannelName) -> None:
    channel = session.channels[name.text]
    data = channel.roster.snapshot_json() if channel.roster is not None else b"{}"
    session.outlet.send(messages.subscribed_frame(name.text, data))
    if name.cached:
        cached = session.state.cache.get(name.text)
        session.outlet.send(
            messages.cache_miss_frame(name.text) if cached is None else messages.frame(cached.text)
        )
