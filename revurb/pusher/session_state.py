"""What a session is at any time: whose it is, what it is subscribed to, and how it is spoken to.

Below the code that acts on it (`subscribing`, `client_events`) and the session itself, which handles messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, cast

from revurb.pusher import messages
from revurb.pusher.errors import PusherError, SubscriptionRefused
from revurb.pusher.ports import Bus, Outlet
from revurb.pusher.rate_limit import MessageWindow, per_second

if TYPE_CHECKING:
    from revurb.pusher.channel import Channel
    from revurb.pusher.registry import AppState
    from revurb.pusher.signed_in_user import SignedInUser


class _Nowhere:
    """The outlet of a session that is not connected, or not any more."""

    peer = ""

    def send(self, frame: bytes) -> None: ...
    def ping(self) -> None: ...
    def close(self, code: int, reason: str = "") -> None: ...


NOWHERE = _Nowhere()
NO_CHANNELS: Mapping[str, Channel] = {}


class DefersMessages(Protocol):
    """A subscription that the bus has not confirmed: messages about its channel wait for that."""

    @property
    def deferred_count(self) -> int:
        """How many messages wait."""

    def defer(self, message: messages.ClientMessage, now: float) -> None:
        """Keep a message that came at `now` until then. Raises OverCapacity when the session has kept too many."""


class SessionState:
    """The state of one connection of one app.

    `channels` are those that it is subscribed to, in a dict of its own if they are two or more: a dict takes as much as
    all else here. `pending` the subscriptions that the bus has not confirmed yet: None
    until the first that is not confirmed at once. `resubscriptions` counts subscriptions once the connection has
    left a channel, subscribed to one again or signed in again: None until then. `user` is who has signed in. `outlet`
    is NOWHERE before the connection is open, and after it has closed. `message_window` counts messages: None without a
    rate limit. `bus` is that of all sessions of the app, which keeps it.
    `answers_control_frames` says whether the client was last heard by a control frame. `origin` is the header of its
    handshake, None without one.
    """

    __slots__ = (
        "answers_control_frames",
        "app_state",
        "channels",
        "message_window",
        "origin",
        "outlet",
        "pending",
        "resubscriptions",
        "socket_id",
        "user",
    )

    def __init__(self, app_state: AppState, socket_id: str, bus: Bus) -> None:
        self.app_state = app_state
        self.socket_id = socket_id
        app_state.bus = bus
        self.channels: Mapping[str, Channel] = NO_CHANNELS
        self.pending: dict[str, DefersMessages] | None = None
        self.resubscriptions: MessageWindow | None = None
        self.user: SignedInUser | None = None
        self.outlet: Outlet = NOWHERE
        self.origin: str | None = None
        limit = app_state.app.rate_limit
        self.message_window = None if limit is None else MessageWindow(limit)
        self.answers_control_frames = False

    @property
    def bus(self) -> Bus:
        return self.app_state.bus

    def add_channel(self, channel: Channel) -> None:
        """The session is on one more channel."""
        name, channels = channel.name.text, self.channels
        if not channels:
            self.channels = channel.alone
        elif len(channels) == 1:
            self.channels = {**channels, name: channel}
        else:
            cast("dict[str, Channel]", channels)[name] = channel  # its own

    def remove_channel(self, channel: Channel) -> None:
        """Undo one `add_channel`."""
        channels = self.channels
        if len(channels) <= 1:
            self.channels = NO_CHANNELS
            return
        del cast("dict[str, Channel]", channels)[channel.name.text]
        if len(channels) == 1:
            (last,) = channels.values()
            self.channels = last.alone

    def adopt_limits(self) -> None:
        """The app has other limits than before: those count from now on, and what was counted is forgotten."""
        app = self.app_state.app
        self.message_window = None if app.rate_limit is None else MessageWindow(app.rate_limit)
        self.app_state.client_event_windows.pop(self, None)
        if self.resubscriptions is not None:
            self.resubscriptions = per_second(app.max_subscriptions_per_second)

    def end(self, error: PusherError) -> None:
        """Send why, then close with the same code."""
        self.outlet.send(messages.error_frame(error))
        self.outlet.close(error.code, str(error))

    def refuse_subscription(self, error: SubscriptionRefused, channel: str) -> None:
        """Count a subscription to `channel` that is refused, and send why."""
        self.app_state.counters.subscriptions_refused_total += 1
        self.app_state.refused(self.app_state.app.id, self, error, channel)
        self.outlet.send(messages.error_frame(error))
        self.outlet.send(messages.subscription_error_frame(channel, error))

    def on_sign_in_overdue(self) -> None:
        """Nobody has signed in within the time of the app. The session implements it."""
        raise NotImplementedError

    def handle(self, message: messages.ClientMessage, now: float) -> None:
        """Do what a message that came at `now` asks for, or send why not. The session implements it."""
        raise NotImplementedError
