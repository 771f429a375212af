"""Signing in and out: a connection becomes one of a user (Pusher docs, "User authentication" and "Watchlist events").

A connection that signs in is subscribed to `#server-to-user-ID`, on which the application sends to this user. It also
enters `#online-ID` as its member, and enters the same channel of everyone on its watchlist to hear of members: so the
bus decides, over all processes, when a user comes online and goes offline, and says so once.

Order of what a client is sent: signin_success when the bus has confirmed all, so that no event triggered after it can
be missed; who of the watchlist is online, if anybody is; then who comes and goes. Signing in again as the same user
does it all again, with the new watchlist. As somebody else it is refused.

Rule: whatever was entered on the bus is left once, also where the connection ends before the bus has confirmed it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from revurb.pusher import messages
from revurb.pusher.channel_name import ChannelName, online_channel
from revurb.pusher.deferred_messages import DeferredMessages
from revurb.pusher.errors import InvalidMessage, MemberTooLarge, SignInRefused, WatchlistTooLong
from revurb.pusher.hooked_messages import connection_of
from revurb.pusher.limits import check_user_id
from revurb.pusher.ports import ChannelSnapshot, EnterRequest, Member, Outlet
from revurb.pusher.registry import AT_ONCE
from revurb.pusher.session_state import NOWHERE, SessionState
from revurb.pusher.signed_in_user import HeldEvents, SignedInUser
from revurb.pusher.subscribing import FEW_CHANNELS, limit
from revurb.pusher.user_data import UserData, read_user_data

MAX_WATCHED = 100  # Pusher's limit


def sign_in(session: SessionState, wanted: messages.SignIn, now: float) -> None:
    """Make the connection one of a user, or raise: InvalidMessage for a request that makes no sense, SignInRefused for
    one that is not signed by the app or names another user than before, WatchlistTooLong, SubscriptionLimitReached for
    signing in again too often.

    Signed is `socket_id::user::user_data` (Pusher docs, "Auth signatures").
    """
    app_state, user_data, user = session.app_state, wanted.user_data, session.user
    app = app_state.app
    if user is not None:
        limit(session, True, now)  # ahead of what takes longer to find out
    if not isinstance(user_data, str):
        raise InvalidMessage
    key, _, signature = wanted.auth.partition(":") if isinstance(wanted.auth, str) else ("", "", "")
    if key != app.key or not app.signed(f"{session.socket_id}::user::{user_data}", signature):
        raise SignInRefused
    try:
        found = read_user_data(user_data)
    except ValueError as error:
        raise SignInRefused(str(error)) from error
    if app.limits is not None:
        try:
            check_user_id(app.limits, found.member.user_id)
        except MemberTooLarge as error:
            raise SignInRefused(str(error)) from error
    if len(found.watchlist) > MAX_WATCHED:
        raise WatchlistTooLong(f"More than {MAX_WATCHED} users on a watchlist")
    if user is None:
        user = session.user = SignedInUser(found.member)
        app_state.add_user_session(session, found.member.user_id)
        app_state.sign_in_deadlines.remove(session)
    elif user.member.user_id != found.member.user_id:
        raise SignInRefused("This connection has signed in as another user")
    else:
        for _ in found.watchlist:  # each is entered again
            limit(session, True, now)
        user.member = found.member
    PendingSignIn(session, user, found, user_data).begin()


def sign_out(session: SessionState, user: SignedInUser, outlet: Outlet) -> None:
    """Undo the sign-in of a connection that has ended, in steps where there are many. `outlet` is the one that it had;
    its channels are left elsewhere."""
    state = session.app_state
    state.remove_user_session(session, user.member.user_id)
    if user.is_online:
        session.bus.leave(state.app.id, online_channel(user.member.user_id), user.member.user_id)
    if len(user.watched) > FEW_CHANNELS:
        state.work(_unwatch_each(session, user, outlet))
    else:
        for watched in tuple(user.watched):
            _unwatch(session, user, outlet, watched)


def _unwatch_each(session: SessionState, user: SignedInUser, outlet: Outlet) -> Iterator[None]:
    for watched in tuple(user.watched):
        _unwatch(session, user, outlet, watched)
        yield


def _unwatch(session: SessionState, user: SignedInUser, outlet: Outlet, watched: str) -> None:
    channel = user.watched.pop(watched)
    held = None if user.held is None else user.held.pop(watched, None)
    del channel.subscribers[outlet if held is None else held]
    session.app_state.close_if_empty(channel)
    session.bus.leave(session.app_state.app.id, channel.name.text, None)


class PendingSignIn(DeferredMessages):
    """A sign-in that the bus has been asked for. Messages about the user's channel, and further sign-ins, wait."""

    __slots__ = ("_online", "_unconfirmed", "_user", "_user_data", "_watchlist")

    def __init__(self, session: SessionState, user: SignedInUser, found: UserData, user_data: str) -> None:
        super().__init__(session)
        self._user = user
        self._user_data = user_data
        self._watchlist = found.watchlist
        self._online: list[str] = []
        self._unconfirmed = 0

    def begin(self) -> None:
        """Enter everything on the bus, in steps where it is much; the bus may confirm all before this returns."""
        session, user, member = self._session, self._user, self._user.member
        user.held = {}
        self._unconfirmed = 1 + len(self._watchlist)  # one for this method, so that it is finished at its end
        if user.channel not in session.channels:
            self._unconfirmed += 1
            self._enter(user.channel, None, self._on_channel)
        if not user.is_online:
            self._unconfirmed += 1
            self._enter(online_channel(member.user_id), member, self._on_online)
        # A thousand clients that come back in one turn of the loop may have a hundred names each.
        if len(self._watchlist) + len(user.watched) > FEW_CHANNELS:
            session.app_state.work(self._watch_each())
        else:
            AT_ONCE(self._watch_each())
        self._confirm_one()
        if self._unconfirmed:
            if session.pending is None:
                session.pending = {}
            session.pending[user.channel] = self

    def _watch_each(self) -> Iterator[None]:
        session, user = self._session, self._user
        for watched in user.watched.keys() - set(self._watchlist):
            if session.outlet is NOWHERE:
                return
            _unwatch(session, user, session.outlet, watched)
            yield
        for watched in self._watchlist:
            if session.outlet is NOWHERE:
                return
            self._enter(online_channel(watched), None, partial(self._on_watched, watched), want_members=True)
            yield

    def _enter(
        self,
        channel: str,
        member: Member | None,
        on_entered: Callable[[ChannelSnapshot], None],
        *,
        want_members: bool = False,
    ) -> None:
        app_id = self._session.app_state.app.id
        text = b"" if member is None else messages.watchlist_text("online", [member.user_id])
        self._session.bus.enter(EnterRequest(app_id, channel, member, text, False, want_members), on_entered)

    def _leave(self, channel: str, user_id: str | None) -> None:
        self._session.bus.leave(self._session.app_state.app.id, channel, user_id)

    def _on_channel(self, snapshot: ChannelSnapshot) -> None:
        session, name = self._session, self._user.channel
        if session.outlet is NOWHERE:
            self._leave(name, None)
            return
        channel = session.app_state.open_channel(ChannelName.parse(name))
        channel.subscribers[session.outlet] = None
        session.add_channel(channel)
        counts = session.app_state.counts
        counts.subscriptions += 1
        counts.subscriptions_total += 1
        self._confirm_one()

    def _on_online(self, snapshot: ChannelSnapshot) -> None:
        user_id = self._user.member.user_id
        if self._session.outlet is NOWHERE:
            self._leave(online_channel(user_id), user_id)
            return
        self._user.is_online = True
        self._confirm_one()

    def _on_watched(self, watched: str, snapshot: ChannelSnapshot) -> None:
        session, user = self._session, self._user
        if session.outlet is NOWHERE or user.held is None:
            self._leave(online_channel(watched), None)
            return
        channel = user.watched.get(watched)
        if channel is None:
            channel = session.app_state.open_channel(ChannelName.parse(online_channel(watched)))
            user.watched[watched] = channel
        else:  # it was watched before
            del channel.subscribers[session.outlet]
            self._leave(channel.name.text, None)
        held = user.held[watched] = HeldEvents()
        channel.subscribers[held] = None
        if snapshot.members:
            self._online.append(watched)
        self._confirm_one()

    def _confirm_one(self) -> None:
        self._unconfirmed -= 1
        if not self._unconfirmed:
            self._finish()

    def _finish(self) -> None:
        """All is confirmed: tell the client, and let it have the events from now on."""
        session, user = self._session, self._user
        held, user.held = user.held or {}, None
        if session.pending is not None:
            session.pending.pop(user.channel, None)
        session.app_state.counters.signins_total += 1
        session.outlet.send(messages.signed_in_frame(self._user_data))
        if session.app_state.hooks is not None:
            session.app_state.hooks.signed_in(connection_of(session))
        if self._online:
            session.outlet.send(messages.frame(messages.watchlist_text("online", self._online)))
        for watched, events in held.items():
            subscribers = user.watched[watched].subscribers
            del subscribers[events]
            subscribers[session.outlet] = None
            if events.frame is not None:
                session.outlet.send(events.frame)
        self.handle_deferred()
