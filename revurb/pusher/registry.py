"""Everything that this process knows of the connections of each app.

All state hangs below an app, so that no lookup can cross from one app into another. Every lookup is one dict
access, whatever the number of channels and connections.

Plan: `AppState` holds, for one app, its sessions by socket id, its occupied channels by name, and its users by
user id (for terminate_connections). Sessions know their own channels, so that leaving costs what the session
subscribed to, never a walk over all channels. What is true of all processes together, the bus knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from revurb.apps import App
from revurb.pusher.channel import Channel

if TYPE_CHECKING:
    from revurb.pusher.session import Session


class AppState:
    """The live state of one app."""

    __slots__ = ("app", "channels", "sessions", "users")

    def __init__(self, app: App) -> None:
        self.app = app
        self.sessions: dict[str, Session] = {}
        self.channels: dict[str, Channel] = {}
        # user id -> session -> on how many presence channels it is that user
        self.users: dict[str, dict[Session, int]] = {}

    def close_if_empty(self, channel: Channel) -> None:
        if not channel.subscribers:
            del self.channels[channel.name.text]

    def identify(self, session: Session, user_id: str) -> None:
        """Note that `session` is `user_id` on one more channel."""
        sessions = self.users.setdefault(user_id, {})
        sessions[session] = sessions.get(session, 0) + 1

    def forget(self, session: Session, user_id: str) -> None:
        """Undo one `identify`."""
        sessions = self.users[user_id]
        sessions[session] -= 1
        if not sessions[session]:
            del sessions[session]
            if not sessions:
                del self.users[user_id]

    def sessions_of(self, user_id: str) -> tuple[Session, ...]:
        """A snapshot of the connections of a user, each once."""
        return tuple(self.users.get(user_id, ()))


class Registry:
    """The app states of this process, made when an app is first used."""

    def __init__(self) -> None:
        self.states: dict[str, AppState] = {}
        """By app id."""

    def state(self, app: App) -> AppState:
        """The state of `app`. A provider may hand out a new App value for the same id: the newest one counts."""
        state = self.states.get(app.id)
        if state is None:
            state = self.states[app.id] = AppState(app)
        elif state.app is not app:
            state.app = app
        return state

    def sessions(self) -> Iterator[Session]:
        """Every session of every app; a snapshot, so that they may be closed meanwhile."""
        for state in tuple(self.states.values()):
            yield from tuple(state.sessions.values())

    def shrink(self) -> None:
        """Let go of what was for more sessions than there are: the table of a dict grows, but does not shrink."""
        for state in self.states.values():
            state.sessions = dict(state.sessions)
            state.channels = dict(state.channels)
            state.users = dict(state.users)
            for channel in state.channels.values():
                channel.subscribers = dict(channel.subscribers)

    def session_count(self) -> int:
        return sum(len(state.sessions) for state in self.states.values())
