"""Client events (whispers): what one client sends to the other subscribers of a channel.

`accept_client_events_from` decides, as in Reverb. `members`: only subscribers, and as Pusher rules only on private
and presence channels that are not encrypted. `all`: anyone of the app, on any channel, which is Reverb's
openness without its holes: exactly event, channel and data are forwarded. `none`: nobody.
"""

from __future__ import annotations

from revurb.pusher import messages
from revurb.pusher.errors import ClientEventRefused, ClientEventsDisabled, InvalidMessage, NotAMember
from revurb.pusher.ports import PublishedEvent
from revurb.pusher.presence import id_text
from revurb.pusher.session_state import SessionState

PREFIX = "client-"


def relay(session: SessionState, message: messages.ClientMessage) -> None:
    """Send a client event to every subscriber of its channel but the sender. Raises the PusherError that refuses it.

    On a presence channel the sender's `user_id` is added, from its signed channel_data and from nowhere else: as text,
    which Pusher's clients with types expect.
    """
    source = session.app_state.app.accept_client_events_from
    if source == "none":
        raise ClientEventsDisabled
    channel_name = message.channel
    if not isinstance(channel_name, str) or not channel_name:
        raise InvalidMessage
    user_id_json = None
    if source == "members":
        channel = session.channels.get(channel_name)
        if channel is None:
            raise NotAMember
        if not channel.name.guarded or channel.name.encrypted:
            raise ClientEventRefused
        member = channel.subscribers[session.outlet]
        user_id_json = id_text(member) if member is not None else None
    text = messages.client_event_text(message.event, channel_name, bytes(message.data), user_id_json)
    session.bus.publish(PublishedEvent(session.app_state.app.id, channel_name, text, session.socket_id))
