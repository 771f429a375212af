"""Subscribing and unsubscribing: authorisation, and what is sent in which order.

Order, as captured from Reverb: member_added to the other subscribers, subscription_succeeded to the new one, then for
a cache channel its last event or cache_miss. Nothing is created for a subscription that is refused.

The bus confirms a subscriber, and nothing is sent before: an event that is triggered after subscription_succeeded
cannot be missed. Messages of the client about the channel wait for the confirmation (`DeferredMessages.defer`).
"""

from __future__ import annotations

from collections.abc import Iterator

from revurb.pusher import messages
from revurb.pusher.channel import Channel
from revurb.pusher.channel_name import ChannelName, acceptable
from revurb.pusher.confirming import confirm, confirm_with_history
from revurb.pusher.deferred_messages import DeferredMessages
from revurb.pusher.errors import (
    InvalidMessage,
    MemberLimitReached,
    SubscriptionLimitReached,
    Unauthorized,
)
from revurb.pusher.history import Resume, history_of, read_resume
from revurb.pusher.hooked_messages import connection_of, enter_if_allowed
from revurb.pusher.limits import check_channel_name, check_member
from revurb.pusher.ports import ChannelSnapshot, EnterRequest, Member, Outlet
from revurb.pusher.presence import read_member, require_object
from revurb.pusher.rate_limit import MessageWindow, per_second
from revurb.pusher.session_state import NO_CHANNELS, NOWHERE, SessionState

# To leave one takes 4 us, and the loop hears of the end of up to a thousand connections in one turn.
FEW_CHANNELS = 4


class PendingSubscription(DeferredMessages):
    """A subscription that the bus has been asked for. The bus calls it when it is confirmed.

    `is_repeat` marks one for a channel that the session is subscribed to already: it is answered again, and not
    counted. `has_history` is whether the channel has one.
    """

    __slots__ = ("_has_history", "_is_repeat", "_member", "_name", "_resume", "is_confirmed")

    def __init__(
        self,
        session: SessionState,
        name: ChannelName,
        member: Member | None,
        is_repeat: bool,
        has_history: bool,
        resume: Resume | None,
    ) -> None:
        self._session = session  # as DeferredMessages does, without a call for each subscription
        self._deferred = None
        self._name = name
        self._member = member
        self._is_repeat = is_repeat
        self._has_history = has_history
        self._resume = resume
        self.is_confirmed = False

    def __call__(self, snapshot: ChannelSnapshot) -> None:
        """The bus has counted the subscriber: subscribe, confirm, and handle what was deferred."""
        session = self._session
        self.is_confirmed = True
        if session.pending is not None:
            session.pending.pop(self._name.text, None)
        if snapshot.is_full:
            self._refuse_full()
            return
        if session.outlet is NOWHERE:
            self._undo_enter()
            return
        if self._is_repeat:
            self._undo_enter()
        else:
            self._subscribe()
        if self._has_history:
            confirm_with_history(session, self._name, snapshot, self._resume)
        else:
            confirm(session, self._name, snapshot)
        if self._deferred is not None:
            self.handle_deferred()

    def _refuse_full(self) -> None:
        """The bus has let nobody in: say so, and handle what was deferred. What the client subscribes to from now on is
        counted, since it has made us ask the bus."""
        session = self._session
        if session.outlet is NOWHERE:
            return
        if session.resubscriptions is None:
            session.resubscriptions = _window(session)
        session.refuse_subscription(MemberLimitReached(), self._name.text)
        self.handle_deferred()

    def _undo_enter(self) -> None:
        """Undo what the bus has counted."""
        _leave_on_bus(self._session, self._name.text, self._member)

    def _subscribe(self) -> None:
        session, member = self._session, self._member
        state = session.app_state
        channel = state.channels.get(self._name.text) or state.open_channel(self._name)
        if member is not None:
            state.add_user_session(session, member.user_id)
        channel.subscribers[session.outlet] = member
        state.counts.subscriptions += 1
        state.counts.subscriptions_total += 1
        session.add_channel(channel)


def subscribe(session: SessionState, wanted: messages.Subscription, now: float) -> None:
    """Put `session` on a channel, or raise: InvalidMessage for a request that makes no sense, Unauthorized for one
    that is not signed by the app, SubscriptionLimitReached for one too many, another SubscriptionRefused for what is
    over a limit of the app. Doing it again is answered again (as Reverb); under another user id it is leaving and
    joining."""
    app_state, channels = session.app_state, session.channels
    limits = app_state.app.limits
    if limits is not None:
        check_channel_name(limits, wanted.channel)
    known = app_state.channels.get(wanted.channel)
    if known is not None:
        name = known.name  # a channel with subscribers has an acceptable name, which has been parsed
    elif acceptable(wanted.channel):
        name = ChannelName.parse(wanted.channel)
    else:
        raise InvalidMessage
    channel = channels.get(name.text)
    if (
        channel is not None
        or session.resubscriptions is not None
        or session.pending
        or len(channels) >= app_state.app.max_channels_per_connection
    ):
        user = session.user if name.reserved else None
        if user is None or not user.takes_subscription(name.text):
            limit(session, channel is not None, now)
    member = _authorize(session, name, wanted) if name.guarded or name.reserved else None
    if limits is not None and member is not None:
        check_member(limits, member)
    if channel is not None:
        present = channel.subscribers[session.outlet]
        if present is not None and member is not None and present.user_id != member.user_id:
            _leave(session, channel, session.outlet)
            channel = None
        else:
            member = present
    added = b""
    if member is not None:
        data = wanted.channel_data
        added = messages.member_added_text(name.text, str(data) if data else messages.member_data(member))
    app = app_state.app
    has_history = app.history != () and history_of(app, name.text) is not None
    resume = read_resume(wanted.resume, app) if has_history and wanted.resume is not None else None
    pending = PendingSubscription(session, name, member, channel is not None, has_history, resume)
    most = 0 if limits is None or channel is not None else limits.max_presence_members or 0
    request = EnterRequest(app.id, name.text, member, added, name.cached, False, most, has_history, resume)
    hooks = app_state.hooks
    if hooks is not None and hooks.asks_subscribe and channel is None:
        enter_if_allowed(session, hooks, request, pending, pending, wanted.channel_data)
        return
    session.app_state.bus.enter(request, pending)
    if not pending.is_confirmed:
        if session.pending is None:
            session.pending = {}
        session.pending[name.text] = pending


def subscribe_plainly(session: SessionState, channel_name: str) -> bool:
    """What `subscribe` does for a public channel that has subscribers, where nothing is asked of anybody. False, and
    nothing is done, if it is anything else."""
    state, channels = session.app_state, session.channels
    channel, app = state.channels.get(channel_name), state.app
    if (
        channel is None
        or state.enter_at_once is None
        or not channel.is_plain
        or channel_name in channels
        or session.pending
        or session.resubscriptions is not None
        or len(channels) >= app.max_channels_per_connection
        or app.limits is not None
        or app.history
        or state.hooks is not None
        or not state.enter_at_once(app.id, channel_name)
    ):
        return False
    channel.subscribers[session.outlet] = None
    counts = state.counts
    counts.subscriptions += 1
    counts.subscriptions_total += 1
    if channels:
        session.add_channel(channel)
    else:
        session.channels = channel.alone
    confirmation = channel.confirmation
    if confirmation is None:
        confirmation = channel.confirmation = messages.subscribed_frame(channel_name)
    session.outlet.send(confirmation)
    return True


def unsubscribe(session: SessionState, channel_name: str) -> None:
    """Take `session` off a channel. Silent, also when it was not on it."""
    channel = session.channels.get(channel_name)
    if channel is not None:
        _leave(session, channel, session.outlet)
        if session.resubscriptions is None:
            session.resubscriptions = _window(session)
        if session.app_state.hooks is not None:
            session.app_state.hooks.unsubscribed(connection_of(session), channel_name)


def leave_all(session: SessionState, outlet: Outlet) -> None:
    """Take a connection that has ended off all its channels, in steps where they are many. `outlet` is the one that it
    was subscribed with."""
    channels = session.channels
    if len(channels) > FEW_CHANNELS:
        session.app_state.work(_leave_each(session, outlet))
    else:
        for channel in tuple(channels.values()):
            _leave(session, channel, outlet)


def _leave_each(session: SessionState, outlet: Outlet) -> Iterator[None]:
    for channel in tuple(session.channels.values()):
        _leave(session, channel, outlet)
        yield


def limit(session: SessionState, is_repeat: bool, now: float) -> None:
    """Raise SubscriptionLimitReached if the subscription is one too many, on its own or in this second."""
    if session.resubscriptions is None and is_repeat:
        session.resubscriptions = _window(session)
    app = session.app_state.app
    if session.resubscriptions is not None and not session.resubscriptions.take(now):
        raise SubscriptionLimitReached(
            f"More than {app.max_subscriptions_per_second} subscriptions in a second by a connection that leaves "
            "channels or repeats subscriptions"
        )
    count = len(session.channels) + (0 if session.pending is None else len(session.pending))
    if count >= app.max_channels_per_connection and not is_repeat:
        raise SubscriptionLimitReached(
            f"More than {app.max_channels_per_connection} channels on one connection"
        )


def _window(session: SessionState) -> MessageWindow:
    return per_second(session.app_state.app.max_subscriptions_per_second)


def _authorize(session: SessionState, name: ChannelName, wanted: messages.Subscription) -> Member | None:
    """Check the signature: `key:HMAC(socket_id:channel[:channel_data])` (Pusher docs, "Auth signatures").

    `channel_data` counts on guarded channels only, where it is signed: elsewhere a client could claim to be any user.
    But on presence channels, an empty one is none: some clients send it so. Who has signed in needs none on presence
    channels. A user's own channel needs no signature.
    """
    if name.reserved:
        if session.user is not None and name.text == session.user.channel:
            return None
        raise Unauthorized(f"{name.text} is reserved for the server")
    if ":" in name.text:
        # Else a signature for private-a:b is one for private-a with the channel_data "b". SDKs do not sign such names.
        raise Unauthorized("The name of a private or presence channel must not have a colon")
    app, data = session.app_state.app, wanted.channel_data
    key, _, signature = wanted.auth.partition(":") if isinstance(wanted.auth, str) else ("", "", "")
    if data is not None and not isinstance(data, str):
        raise InvalidMessage
    if data == "" and not name.presence:
        data = None
    signed = f"{session.socket_id}:{name.text}" + (f":{data}" if data is not None else "")
    if key != app.key or not app.signed(signed, signature):
        raise Unauthorized
    if data is None:
        if not name.presence:
            return None
        if session.user is not None:
            return session.user.member
        raise Unauthorized(
            "A presence channel needs channel_data with a user_id, or a user who has signed in"
        )
    try:
        if name.presence:
            return read_member(data)
        # Else private-a with the channel_data "b" takes the signature for private-a:b.
        require_object(data)
        return None
    except ValueError as error:
        raise Unauthorized(str(error)) from error


def _leave(session: SessionState, channel: Channel, outlet: Outlet) -> None:
    member = channel.subscribers.pop(outlet)
    state, name = session.app_state, channel.name.text
    if session.channels is channel.alone:
        session.channels = NO_CHANNELS
    else:
        session.remove_channel(channel)
    if member is not None:
        state.remove_user_session(session, member.user_id)
    state.counts.subscriptions -= 1
    if not channel.subscribers:
        state.close_if_empty(channel)
    state.bus.leave(state.app.id, name, None if member is None else member.user_id)


def _leave_on_bus(session: SessionState, channel: str, member: Member | None) -> None:
    session.app_state.bus.leave(session.app_state.app.id, channel, None if member is None else member.user_id)
