"""One client, from connection_established to the close.

Rule 1: whatever the peer sends is answered by the protocol; no input of it raises out of this file.
Rule 2: a session only sends messages. The transport finds out whether the connection is alive, and calls `on_idle`
and `on_unresponsive`.
"""

from __future__ import annotations

import logging

from revurb._speedups.client_messages import cut_subscription
from revurb._speedups.frames import BINARY
from revurb.pusher import client_events, messages
from revurb.pusher.errors import (
    InvalidMessage,
    NotSignedInInTime,
    PongMissing,
    PusherError,
    RateLimited,
    SubscriptionRefused,
)
from revurb.pusher.hooked_messages import connection_of
from revurb.pusher.ports import Outlet
from revurb.pusher.session_state import NOWHERE, SessionState
from revurb.pusher.signing_in import sign_in, sign_out
from revurb.pusher.subscribing import leave_all, subscribe, subscribe_plainly, unsubscribe

_log = logging.getLogger(__name__)

EARLY_PART, MAX_EARLY_S = 12, 5.0  # of the ping interval, by which the ping is early; of 60 s 5


class Session(SessionState):
    """The protocol's side of one WebSocket connection of one app.

    The transport calls `opened` once, `on_message` for each text or binary message, `on_control_frame` for each ping or
    pong frame, `on_idle`, `on_still_idle` and `on_unresponsive` as time passes, and `closed` once.
    """

    __slots__ = ()

    @property
    def max_message_size_bytes(self) -> int:
        return self.app_state.app.max_message_size_bytes

    @property
    def ping_interval_s(self) -> float:
        """Seconds of silence after which `on_idle` is due: before the interval is over, which is when a proxy with the
        same timeout ends the connection (nginx and ALB: 60 s)."""
        interval_s = self.app_state.app.ping_interval_s
        return interval_s - min(interval_s / EARLY_PART, MAX_EARLY_S)

    def opened(self, outlet: Outlet) -> None:
        self.outlet = outlet
        self.app_state.sessions[self.socket_id] = self
        counts = self.app_state.counts
        counts.connections += 1
        counts.connections_opened_total += 1
        app = self.app_state.app
        outlet.send(messages.established_frame(self.socket_id, app.activity_timeout_s))
        if app.user_authentication_timeout_s is not None:
            self.app_state.sign_in_deadlines.add(self, app.user_authentication_timeout_s)
        if self.app_state.hooks is not None:
            self.app_state.hooks.connected(connection_of(self))

    def on_message(self, opcode: int, payload: bytes, now: float) -> None:
        """Handle one whole message; binary ones count as text, as in Reverb."""
        self.app_state.counts.messages.add(len(payload))
        try:
            if self.message_window is not None and not self.message_window.take(now):
                raise RateLimited
            if opcode == BINARY:
                _require_utf8(payload)
            channel = cut_subscription(payload)
            if channel is not None and subscribe_plainly(self, channel):
                return
            message = messages.read_message(payload)
        except PusherError as error:
            self._send_error(error)
        except Exception:
            self._on_fault()
        else:
            self.handle(message, now)

    def handle(self, message: messages.ClientMessage, now: float) -> None:
        """Do what a message asks for, or send the error that refuses it."""
        try:
            self._handle(message, now)
        except PusherError as error:
            self._send_error(error)
        except Exception:
            self._on_fault()

    def _on_fault(self) -> None:
        """What is being raised is a fault of ours: log it, and end this connection alone."""
        _log.exception("message handling failed", extra={"socket_id": self.socket_id})
        self.outlet.close(1011, "Internal error")

    def on_control_frame(self) -> None:
        """A ping or pong frame was received: this client's library answers those, so `on_idle` sends one.

        Mobile SDKs do not all answer `pusher:ping` (Reverb issue 224). The kind that was received last is sent.
        """
        self.answers_control_frames = True

    def on_idle(self) -> None:
        """Nothing was received for `ping_interval_s`: ping the client."""
        self._ping(by_control_frame=self.answers_control_frames)

    def on_still_idle(self) -> None:
        """Nothing was received since: ping it the other way. Every WebSocket library answers ping frames; not every
        client that uses one knows `pusher:ping`."""
        self._ping(by_control_frame=not self.answers_control_frames)

    def _ping(self, *, by_control_frame: bool) -> None:
        if by_control_frame:
            self.outlet.ping()
        else:
            self.outlet.send(messages.PING_FRAME)

    def on_unresponsive(self) -> None:
        """Nothing was received after that either: close with 4201."""
        if self.app_state.hooks is not None:
            self.app_state.hooks.pruned(connection_of(self))
        self.end(PongMissing())

    def on_sign_in_overdue(self) -> None:
        """Nobody has signed in within the time of the app: end with error 4009."""
        self._send_error(NotSignedInInTime())

    def closed(self) -> None:
        """The connection has ended. Leaves all channels, and gives the app's connection back to the bus."""
        state = self.app_state
        if state.hooks is not None and self.socket_id in state.sessions:  # else it never was open
            state.hooks.disconnected(connection_of(self))
        if self.channels:
            leave_all(self, self.outlet)
        if self.user is not None:
            sign_out(self, self.user, self.outlet)
        if state.sign_in_deadlines.waiting:
            state.sign_in_deadlines.remove(self)
        if state.client_event_windows:
            state.client_event_windows.pop(self, None)
        if state.sessions.pop(self.socket_id, None) is not None:
            state.counts.connections -= 1
        self.outlet = NOWHERE
        state.bus.release(state.app.id)

    def _handle(self, message: messages.ClientMessage, now: float) -> None:
        event = message.event
        if event == "pusher:subscribe":
            wanted = messages.read_subscription(message.data)
            if self.pending is None or not self._deferred(wanted.channel, message, now):
                try:
                    subscribe(self, wanted, now)
                except SubscriptionRefused as error:
                    self.refuse_subscription(error, wanted.channel)
        elif event.startswith(client_events.PREFIX):
            if not self._deferred(message.channel, message, now):
                client_events.relay(self, message, now)
        elif event == "pusher:ping":
            self.answers_control_frames = False
            self.outlet.send(messages.PONG_FRAME)
        elif event == "pusher:pong":
            self.answers_control_frames = False
        elif event == "pusher:unsubscribe":
            channel = messages.read_subscription(message.data).channel
            if not self._deferred(channel, message, now):
                unsubscribe(self, channel)
        elif event == "pusher:signin":
            if self.user is None or not self._deferred(self.user.channel, message, now):
                try:
                    sign_in(self, messages.read_sign_in(message.data), now)
                except PusherError:
                    self.app_state.counters.signins_refused_total += 1
                    raise
        elif event.startswith("pusher:") or not isinstance(message.channel, str):
            raise InvalidMessage
        # Any other event on a channel is ignored, as Reverb does: only the server may send those.

    def _deferred(self, channel: object, message: messages.ClientMessage, now: float) -> bool:
        """Keep the message if the subscription to its channel is pending; returns whether it was."""
        pending = self.pending.get(channel) if self.pending and isinstance(channel, str) else None
        if pending is None:
            return False
        pending.defer(message, now)
        return True

    def _send_error(self, error: PusherError) -> None:
        self.app_state.refused(self.app_state.app.id, self, error, "")
        limit = self.app_state.app.rate_limit
        if error.fatal or (isinstance(error, RateLimited) and limit is not None and limit.terminate):
            self.end(error)
        else:
            self.outlet.send(messages.error_frame(error))


class Refusal:
    """The handler of a refused connection: sends the error and closes."""

    __slots__ = ("_error",)

    max_message_size_bytes = 10_000
    ping_interval_s = 60.0

    def __init__(self, error: PusherError) -> None:
        self._error = error

    def opened(self, outlet: Outlet) -> None:
        outlet.send(messages.error_frame(self._error))
        outlet.close(self._error.code, str(self._error))

    def on_message(self, opcode: int, payload: bytes, now: float) -> None:
        """Ignored: the connection is closing."""

    def on_control_frame(self) -> None: ...
    def on_idle(self) -> None: ...
    def on_still_idle(self) -> None: ...
    def on_unresponsive(self) -> None: ...
    def closed(self) -> None: ...


def _require_utf8(payload: bytes) -> None:
    try:
        payload.decode()
    except UnicodeDecodeError as error:
        raise InvalidMessage from error
