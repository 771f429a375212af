"""Subscribing and unsubscribing: who may, what is said, and in which order.

Order, as captured from Reverb: member_added to the others, subscription_succeeded to the joiner, then for a
cache channel its last event or cache_miss. Nothing is created for a subscription that is refused.

The bus says when a subscriber has arrived, and nobody is told before: an event that is triggered after
subscription_succeeded cannot be missed. What the client says about the channel meanwhile waits its turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from revurb.pusher import messages
from revurb.pusher.channel import Channel
from revurb.pusher.channel_name import ChannelName, acceptable
from revurb.pusher.errors import InvalidMessage, OverCapacity, Unauthorized
from revurb.pusher.ports import Entered, Member
from revurb.pusher.presence import read_member, snapshot_json

if TYPE_CHECKING:
    from revurb.pusher.session import Session

MAX_DEFERRED = 100  # messages about one channel while its subscription is on the way; clients send none


class Arrival:
    """A subscription on its way: called by the bus when it is there. `again` is one that the session has already."""

    __slots__ = ("_again", "_deferred", "_member", "_name", "_session", "has_come")

    def __init__(self, session: Session, name: ChannelName, member: Member | None, again: bool) -> None:
        self._session = session
        self._name = name
        self._member = member
        self._again = again
        self._deferred: list[messages.ClientMessage] | None = None
        self.has_come = False

    def defer(self, message: messages.ClientMessage) -> None:
        """Keep a message about the channel until then."""
        if self._deferred is None:
            self._deferred = []
        if len(self._deferred) >= MAX_DEFERRED:
            raise OverCapacity
        self._deferred.append(message)

    def __call__(self, entered: Entered) -> None:
        session, name = self._session, self._name
        self.has_come = True
        if session.arriving is not None:
            session.arriving.pop(name.text, None)
        gone = session.gone
        if gone or self._again:  # counted for nothing, or only to see the channel as it is
            _tell_left(session, name.text, self._member)
        else:
            state, member = session.state, self._member
            channel = state.channels.get(name.text)
            if channel is None:
                channel = state.channels[name.text] = Channel(name)
            if member is not None:
                state.identify(session, member.user_id)
            channel.subscribers[session.outlet] = member
            # By the channel's own name: 60 bytes less for each subscriber.
            session.channels[channel.name.text] = channel
        if not gone:
            _confirm(session, name, entered)
            if self._deferred is not None:
                for message in self._deferred:
                    session.take(message)


def subscribe(session: Session, wanted: messages.Subscription) -> None:
    """Put `session` on a channel, or raise: InvalidMessage for a request that makes no sense, Unauthorized for one
    that is not signed by the app. Doing it again is answered again (as Reverb); under another user id it is
    leaving and joining."""
    known = session.state.channels.get(wanted.channel)
    if known is not None:
        name = known.name  # a channel that somebody is on has an acceptable name, which has been read
    elif acceptable(wanted.channel):
        name = ChannelName.parse(wanted.channel)
    else:
        raise InvalidMessage
    member = _authorize(session, name, wanted) if name.guarded or name.reserved else None
    channel = session.channels.get(name.text)
    if channel is not None:
        present = channel.subscribers[session.outlet]
        if present is not None and member is not None and present.user_id != member.user_id:
            _leave(session, channel)
            channel = None
        else:
            member = present
    added = messages.member_added_text(name.text, str(wanted.channel_data)) if member is not None else b""
    arrival = Arrival(session, name, member, channel is not None)
    session.bus.enter(session.state.app.id, name.text, member, added, name.cached, arrival)
    if not arrival.has_come:
        if session.arriving is None:
            session.arriving = {}
        session.arriving[name.text] = arrival


def unsubscribe(session: Session, channel_name: str) -> None:
    """Take `session` off a channel. Silent, also when it was not on it."""
    channel = session.channels.get(channel_name)
    if channel is not None:
        _leave(session, channel)


def leave_all(session: Session) -> None:
    """Take a connection that has ended off all its channels."""
    for channel in tuple(session.channels.values()):
        _leave(session, channel)


def _authorize(session: Session, name: ChannelName, wanted: messages.Subscription) -> Member | None:
    """Check the signature: `key:HMAC(socket_id:channel[:channel_data])` (Pusher docs, "Auth signatures").

    `channel_data` counts on guarded channels only, where it is signed: elsewhere anyone could be anyone.
    """
    if name.reserved:
        raise Unauthorized(f"{name.text} is reserved for the server")
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
        return read_member(data)
    except ValueError as error:
        raise Unauthorized(str(error)) from error


def _leave(session: Session, channel: Channel) -> None:
    member = channel.subscribers.pop(session.outlet)
    del session.channels[channel.name.text]
    if member is not None:
        session.state.forget(session, member.user_id)
    session.state.close_if_empty(channel)
    _tell_left(session, channel.name.text, member)


def _tell_left(session: Session, channel: str, member: Member | None) -> None:
    session.bus.leave(session.state.app.id, channel, None if member is None else member.user_id)


def _confirm(session: Session, name: ChannelName, entered: Entered) -> None:
    if name.presence:
        session.outlet.send(messages.joined_frame(name.text, snapshot_json(entered.members)))
    else:
        session.outlet.send(messages.subscribed_frame(name.text))
    if name.cached:
        session.outlet.send(
            messages.cache_miss_frame(name.text) if entered.cached is None else messages.frame(entered.cached)
        )
