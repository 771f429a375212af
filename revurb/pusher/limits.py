"""The limits of an app that are Pusher's (`AppLimits`): what is checked of channel names, members and events.

Only called for apps that have any. The texts of Pusher's answers are not documented; these have its words where an SDK,
a page of its support or a report of a user quotes them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from revurb.apps import App, AppLimits
from revurb.pusher.channel_name import USER_CHANNEL_PREFIX
from revurb.pusher.errors import (
    ClientEventRateReached,
    ClientEventTooLarge,
    InvalidChannelName,
    MemberTooLarge,
)
from revurb.pusher.messages import ClientMessage
from revurb.pusher.ports import Member
from revurb.pusher.rate_limit import per_second
from revurb.pusher.session_state import NOWHERE, SessionState

_find_pusher_name = re.compile(r"[-a-zA-Z0-9_=@,.;]+").fullmatch
_IN_WORDS = "letters, digits and _ - = @ , . ;"
_MAX_SHOWN = 100  # characters of a name that is refused
_EVENT_DOCS = "https://pusher.com/docs/channels/server_api/http-api#publishing-events"


class EventRefused(ValueError):
    """An event of the application is over a limit. `part` says what of it: "channels", "event" or "data"."""

    def __init__(self, part: str, text: str) -> None:
        super().__init__(text)
        self.part = part


def check_channel_name(limits: AppLimits, text: str) -> None:
    """Raise InvalidChannelName for a name that is too long, or has other characters than it may. What is behind
    `#server-to-user-` is the id of a user, and may have any."""
    longest = limits.max_channel_name_length
    if longest is not None and len(text) > longest:
        raise InvalidChannelName(
            f"Invalid channel name: {_shown(text)} has {len(text)} characters; at most {longest} are allowed"
        )
    if (
        limits.channel_name_charset == "pusher"
        and _find_pusher_name(text) is None
        and not text.startswith(USER_CHANNEL_PREFIX)
    ):
        raise InvalidChannelName(
            f"Invalid channel name: {_shown(text)} has other characters than {_IN_WORDS}"
        )


def check_user_id(limits: AppLimits, user_id: str) -> None:
    """Raise MemberTooLarge for the id of a user that is too long."""
    longest = limits.max_user_id_length
    if longest is not None and len(user_id) > longest:
        raise MemberTooLarge(f"The user_id has {len(user_id)} characters; at most {longest} are allowed")


def check_member(limits: AppLimits, member: Member) -> None:
    """Raise MemberTooLarge for a member of a presence channel whose id or info is too large."""
    most_bytes = limits.max_user_info_bytes
    check_user_id(limits, member.user_id)
    if most_bytes is not None and len(member.info_json) > most_bytes:
        raise MemberTooLarge(
            f"The user_info has {len(member.info_json)} bytes of JSON; at most {most_bytes} are allowed"
        )


def check_event(app: App, limits: AppLimits, channels: Sequence[str], event: str, data: str) -> None:
    """Raise EventRefused for an event of the application that is over a limit."""
    if len(channels) > app.max_channels_per_event:
        raise EventRefused(
            "channels",
            f"An event can be triggered on a maximum of {app.max_channels_per_event} channels in a single call.",
        )
    longest, most_bytes = limits.max_event_name_length, limits.max_event_data_bytes
    if longest is not None and len(event) > longest:
        raise EventRefused(
            "event", f"The event name has {len(event)} characters; at most {longest} are allowed."
        )
    if most_bytes is not None and _size_bytes(data) > most_bytes:
        raise EventRefused(
            "data",
            f"The data content of this event exceeds the allowed maximum ({most_bytes} bytes). "
            f"See {_EVENT_DOCS} for more info",
        )
    for channel in channels:
        try:
            check_channel_name(limits, channel)
        except InvalidChannelName as error:
            raise EventRefused("channels", f"{error}.") from None


def check_client_event(session: SessionState, limits: AppLimits, message: ClientMessage, now: float) -> None:
    """Count a client event that came at `now`. Raise ClientEventRateReached for one too many in this second, and
    ClientEventTooLarge or InvalidChannelName for one that is over another limit."""
    most = limits.max_client_events_per_second
    if most is not None:
        windows = session.app_state.client_event_windows
        window = windows.get(session)
        if window is None:
            window = per_second(most)
            if session.outlet is not NOWHERE:  # else it has closed, and nobody would remove this any more
                windows[session] = window
        if not window.take(now):
            raise ClientEventRateReached(
                f"Client event rejected due to rate limit: more than {most} in a second"
            )
    of_app, rates = limits.max_app_client_events_per_second, session.app_state.rates
    if (
        of_app is not None
        and rates is not None
        and rates.take(session.app_state.app.id, "client_events", of_app)
    ):
        raise ClientEventRateReached(
            f"Client event rejected due to rate limit: more than {of_app} of the app in a second"
        )
    longest, most_bytes = limits.max_event_name_length, limits.max_event_data_bytes
    if longest is not None and len(message.event) > longest:
        raise ClientEventTooLarge(
            f"Client event rejected: its name has {len(message.event)} characters; at most {longest} are allowed"
        )
    if most_bytes is not None and len(bytes(message.data)) > most_bytes:
        raise ClientEventTooLarge(
            f"The data content of this event exceeds the allowed maximum ({most_bytes} bytes). "
            f"See {_EVENT_DOCS} for more info"
        )
    channel = message.channel
    if isinstance(channel, str) and channel not in session.channels:
        check_channel_name(limits, channel)


def _size_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _shown(name: str) -> str:
    return repr(name if len(name) <= _MAX_SHOWN else f"{name[:_MAX_SHOWN]}...")
