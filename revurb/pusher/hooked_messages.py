"""What waits for the hooks: a subscription, and a client event. Messages about the channel wait too, as they do for the
bus."""

from __future__ import annotations

from collections.abc import Callable

from revurb.pusher import messages
from revurb.pusher.deferred_messages import DeferredMessages
from revurb.pusher.errors import ClientEventForbidden, SubscriptionForbidden
from revurb.pusher.hooks import HookConnection, HookVerdict, SessionHooks
from revurb.pusher.ports import ChannelSnapshot, EnterRequest
from revurb.pusher.session_state import NOWHERE, SessionState

MAX_REASON_CHARS = 200


def connection_of(session: SessionState) -> HookConnection:
    """A connection as hooks are told of it."""
    user = session.user
    user_id = None if user is None else user.member.user_id
    app_id = session.app_state.app.id
    return HookConnection(app_id, session.socket_id, session.outlet.peer, session.origin, user_id)


def enter_if_allowed(
    session: SessionState,
    hooks: SessionHooks,
    request: EnterRequest,
    pending: DeferredMessages,
    on_entered: Callable[[ChannelSnapshot], None],
    channel_data: object,
) -> None:
    """Subscribe once the hooks have allowed it. `pending` has what waits for that; the bus calls `on_entered`."""
    channel = request.channel
    if session.pending is None:
        session.pending = {}
    session.pending[channel] = pending

    def decided(verdict: HookVerdict) -> None:
        if session.outlet is NOWHERE:
            return
        if verdict.reason is None:
            session.app_state.bus.enter(request, on_entered)
            return
        if session.pending is not None:
            session.pending.pop(channel, None)
        session.refuse_subscription(SubscriptionForbidden(_shown(verdict.reason)), channel)
        pending.handle_deferred()

    data = channel_data if isinstance(channel_data, str) else None
    hooks.subscribing(connection_of(session), channel, data, decided)


class HookedClientEvent(DeferredMessages):
    """A client event that the hooks are asked about. Later messages about its channel wait."""

    __slots__ = ("_channel", "_data_json", "_send", "is_decided")

    def __init__(
        self, session: SessionState, channel: str, data_json: bytes, send: Callable[[bytes], None]
    ) -> None:
        super().__init__(session)
        self._channel = channel
        self._data_json = data_json
        self._send = send
        self.is_decided = False

    def ask(self, hooks: SessionHooks, message: messages.ClientMessage) -> None:
        session = self._session
        connection = connection_of(session)
        hooks.client_event(connection, self._channel, message.event, self._data_json, self._decided)
        if not self.is_decided:
            if session.pending is None:
                session.pending = {}
            session.pending[self._channel] = self

    def _decided(self, verdict: HookVerdict) -> None:
        session = self._session
        self.is_decided = True
        if session.pending is not None and session.pending.get(self._channel) is self:
            del session.pending[self._channel]
        if verdict.reason is None:
            self._send(self._data_json if verdict.data_json is None else verdict.data_json)
        else:
            error = ClientEventForbidden(_shown(verdict.reason))
            session.app_state.refused(session.app_state.app.id, session, error, "")
            session.outlet.send(messages.error_frame(error))
        if session.outlet is not NOWHERE:
            self.handle_deferred()


def _shown(reason: str) -> str | None:
    """None has the text of the error."""
    return reason[:MAX_REASON_CHARS] or None
