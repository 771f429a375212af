"""Everything that this process knows of the connections of each app.

All state hangs below an app, so that no lookup can cross from one app into another. Every lookup is one dict
access, whatever the number of channels and connections.

Plan: `AppState` holds, for one app, its sessions by socket id, its occupied channels by name, and its users by
user id (for terminate_connections). Sessions know their own channels, so that leaving costs what the session
subscribed to, never a walk over all channels. What is true of all processes together, the bus knows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol, TypeAlias

from revurb.apps import App
from revurb.observe.counters import Counters
from revurb.pusher.app_counts import AppBook, AppCounts
from revurb.pusher.channel import Channel
from revurb.pusher.channel_name import ChannelName
from revurb.pusher.errors import PusherError
from revurb.pusher.facts import Fact, WantedFacts
from revurb.pusher.hooks import SessionHooks
from revurb.pusher.ports import Bus, Outlet, Work
from revurb.pusher.rate_limit import MessageWindow
from revurb.pusher.rates import Rates
from revurb.pusher.sign_in_deadlines import SignInDeadlines

AT_ONCE: Work = deque[None](maxlen=0).extend


class RegisteredSession(Protocol):
    """What the registry's users may do with a session that they find."""

    outlet: Outlet
    socket_id: str
    origin: str | None

    def adopt_limits(self) -> None:
        """The app has other limits than before: those count from now on."""

    def end(self, error: PusherError) -> None:
        """Send why, then close with the same code."""


OnRefused: TypeAlias = Callable[[str, RegisteredSession, PusherError, str], None]
"""Called with an app's id, the session, what that refuses to its client, and the channel of a subscription."""


EnterAtOnce: TypeAlias = Callable[[str, str], bool]
"""Counts one more subscriber of a channel of an app, which has some here and asks for nothing; False if the bus has to
be asked."""


class AppState:
    """The live state of one app. `counters`, `work`, `refused` and `sign_in_deadlines` are the process's, `counts` the
    app's own.

    `hooks` are users' own code, if there is any. `wanted` are the facts that are wanted of the app's channels
    (revurb/pusher/facts.py); `record` queues one that a session decides.
    """

    __slots__ = (
        "app",
        "bus",
        "channels",
        "client_event_windows",
        "counters",
        "counts",
        "enter_at_once",
        "hooks",
        "rates",
        "record",
        "refused",
        "sessions",
        "sign_in_deadlines",
        "users",
        "wanted",
        "work",
    )

    def __init__(
        self,
        app: App,
        counters: Counters,
        work: Work,
        refused: OnRefused,
        sign_in_deadlines: SignInDeadlines,
        counts: AppCounts,
    ) -> None:
        self.app = app
        self.counters = counters
        self.counts = counts
        self.work = work
        self.refused = refused
        self.wanted = 0
        self.record: Callable[[Fact], None] | None = None
        self.enter_at_once: EnterAtOnce | None = None
        self.rates: Rates | None = None
        self.hooks: SessionHooks | None = None
        self.sign_in_deadlines = sign_in_deadlines
        self.bus: Bus  # its sessions bring it along
        self.client_event_windows: dict[RegisteredSession, MessageWindow] = {}
        """What counts the client events of a session, where those have a limit of their own and it has sent any."""
        self.sessions: dict[str, RegisteredSession] = {}
        self.channels: dict[str, Channel] = {}
        # user id -> session -> the presence channels that it has joined as that user, and 1 if it is signed in so. Of a
        # user with one session, which has done one of these, it is the session alone: a dict would take 230 bytes.
        self.users: dict[str, RegisteredSession | dict[RegisteredSession, int]] = {}

    def open_channel(self, name: ChannelName) -> Channel:
        """The channel, made if it has no subscriber yet."""
        channel = self.channels.get(name.text)
        if channel is None:
            channel = self.channels[name.text] = Channel(name)
            self._count_channel(name, 1)
            if self.hooks is not None and not name.reserved:
                self.hooks.channel_created(self.app.id, name.text)
        return channel

    def close_if_empty(self, channel: Channel) -> None:
        if not channel.subscribers:
            del self.channels[channel.name.text]
            channel.alone.clear()  # which knows the channel: else both would wait for the garbage collector
            if self.hooks is not None and not channel.name.reserved:
                self.hooks.channel_removed(self.app.id, channel.name.text)
            self._count_channel(channel.name, -1)

    def _count_channel(self, name: ChannelName, change: int) -> None:
        counts = self.counts
        if name.presence:
            counts.presence_channels += change
        elif name.guarded:
            counts.private_channels += change
        elif name.reserved:
            counts.user_channels += change
        else:
            counts.public_channels += change

    def add_user_session(self, session: RegisteredSession, user_id: str) -> None:
        """Count one more presence channel that `session` has joined as `user_id`, or its sign-in."""
        found = self.users.get(user_id)
        if found is None:
            self.users[user_id] = session
            self.counts.users += 1
        elif isinstance(found, dict):
            found[session] = found.get(session, 0) + 1
        else:
            self.users[user_id] = {session: 2} if found is session else {found: 1, session: 1}

    def remove_user_session(self, session: RegisteredSession, user_id: str) -> None:
        """Undo one `add_user_session`."""
        found = self.users[user_id]
        if isinstance(found, dict):
            found[session] -= 1
            if not found[session]:
                del found[session]
        if not isinstance(found, dict) or not found:
            del self.users[user_id]
            self.counts.users -= 1

    def sessions_of(self, user_id: str) -> tuple[RegisteredSession, ...]:
        """A snapshot of the connections of a user, each once."""
        found = self.users.get(user_id, ())
        return tuple(found) if isinstance(found, dict | tuple) else (found,)


class Registry:
    """The app states of this process, made when an app is first used. `work` is for what may take long; without, it is
    done at once. `refused` is told of each message that a session refuses. `book` has what is counted of each app."""

    def __init__(
        self,
        counters: Counters | None = None,
        work: Work = AT_ONCE,
        refused: OnRefused = lambda *refused: None,
        book: AppBook | None = None,
    ) -> None:
        self.counters = Counters() if counters is None else counters
        self._book = AppBook() if book is None else book
        self._work = work
        self._refused = refused
        self._wanted: WantedFacts = {}
        self._record: Callable[[Fact], None] | None = None
        self.rates: Rates | None = None
        """Of the budgets that apps have; without, there are none."""
        self.sign_in_deadlines = SignInDeadlines(self._work)
        self.states: dict[str, AppState] = {}
        """By app id."""
        self.enter_at_once: EnterAtOnce | None = None
        """That of a bus that is alone. To be set before any `state`."""
        self.hooks: SessionHooks | None = None
        """Those of the user's own code. To be set before any `state`."""

    def tell_facts(self, wanted: WantedFacts, record: Callable[[Fact], None]) -> None:
        """Facts are `wanted`; `record` queues one that a session decides. To be called before any `state`."""
        self._wanted, self._record = wanted, record

    def state(self, app: App) -> AppState:
        """The state of `app`. A provider may hand out a new App value for the same id: the newest one counts."""
        state = self.states.get(app.id)
        if state is None:
            state = self.states[app.id] = AppState(
                app,
                self.counters,
                self._work,
                self._refused,
                self.sign_in_deadlines,
                self._book.of(app.id),
            )
            state.record, state.rates, state.hooks = self._record, self.rates, self.hooks
            state.enter_at_once = self.enter_at_once
        elif state.app is app:
            return state
        state.app = app
        state.wanted = self._wanted.get(app.id, 0)
        return state

    def shrink(self) -> None:
        """Release memory that was for more sessions than there are: the table of a dict grows, and never shrinks."""
        for state in self.states.values():
            state.sessions = dict(state.sessions)
            state.channels = dict(state.channels)
            state.users = dict(state.users)
            for channel in state.channels.values():
                channel.subscribers = dict(channel.subscribers)
