"""Client events (whispers): what one client sends to the other subscribers of a channel.

`accept_client_events_from` decides, as in Reverb. `members`: only subscribers, and as Pusher rules only on private
and presence channels that are not encrypted. `all`: anyone of the app, on any channel, which is Reverb's
openness without its holes: exactly event, channel and data are forwarded. `none`: nobody. To a user's channel only the
server sends.
"""

from __future__ import annotations

from functools import partial

import msgspec

from revurb.pusher import messages
from revurb.pusher.channel_name import is_reserved
from revurb.pusher.errors import ClientEventRefused, ClientEventsDisabled, InvalidMessage, NotAMember
from revurb.pusher.facts import CLIENT_EVENT, CLIENT_EVENTS, Fact, now_ms, wanted_of
from revurb.pusher.history import history_of
from revurb.pusher.hooked_messages import HookedClientEvent
from revurb.pusher.limits import check_client_event
from revurb.pusher.ports import PublishedEvent
from revurb.pusher.presence import id_text
from revurb.pusher.session_state import SessionState

PREFIX = "client-"


def relay(session: SessionState, message: messages.ClientMessage, now: float) -> None:
    """Send a client event that came at `now` to every subscriber of its channel but the sender. Raises the PusherError
    that refuses it.

    On a presence channel the sender's `user_id` is added, from its signed channel_data and from nowhere else: as text,
    which Pusher's clients with types expect.
    """
    app = session.app_state.app
    source = app.accept_client_events_from
    if source == "none":
        raise ClientEventsDisabled
    if app.limits is not None:
        check_client_event(session, app.limits, message, now)
    channel_name = message.channel
    if not isinstance(channel_name, str) or not channel_name:
        raise InvalidMessage
    if is_reserved(channel_name):
        raise ClientEventRefused
    user_id_json = None
    if source == "members":
        channel = session.channels.get(channel_name)
        if channel is None:
            raise NotAMember
        if not channel.name.guarded or channel.name.encrypted:
            raise ClientEventRefused
        member = channel.subscribers[session.outlet]
        user_id_json = id_text(member) if member is not None else None
    data_json, state = bytes(message.data), session.app_state
    hooks = state.hooks
    if hooks is not None and hooks.asks_client_event:
        send = partial(_send, session, message.event, channel_name, user_id_json)
        HookedClientEvent(session, channel_name, data_json, send).ask(hooks, message)
        return
    # As `_send`, without the call: that would take 5 % more for each client event.
    text = messages.client_event_text(message.event, channel_name, data_json, user_id_json)
    state.counts.client_events_total += 1
    kept = history_of(app, channel_name) if app.history else None
    session.app_state.bus.publish(PublishedEvent(app.id, channel_name, text, session.socket_id, 0, kept))
    if state.record is not None and wanted_of(state.wanted, channel_name) & CLIENT_EVENTS:
        state.record(_fact(session, message.event, channel_name, data_json, user_id_json))


def _send(
    session: SessionState, event: str, channel: str, user_id_json: bytes | None, data_json: bytes
) -> None:
    state = session.app_state
    text = messages.client_event_text(event, channel, data_json, user_id_json)
    state.counts.client_events_total += 1
    kept = history_of(state.app, channel)
    session.app_state.bus.publish(PublishedEvent(state.app.id, channel, text, session.socket_id, 0, kept))
    if state.record is not None and wanted_of(state.wanted, channel) & CLIENT_EVENTS:
        state.record(_fact(session, event, channel, data_json, user_id_json))


def _fact(
    session: SessionState, event: str, channel: str, data_json: bytes, user_id_json: bytes | None
) -> Fact:
    return Fact(
        CLIENT_EVENT,
        session.app_state.app.id,
        channel,
        now_ms(),
        user_id="" if user_id_json is None else msgspec.json.decode(user_id_json, type=str),
        event=event,
        data=messages.data_text(data_json),
        socket_id=session.socket_id,
    )
