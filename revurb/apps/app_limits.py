"""Limits of an app that Pusher has and Reverb has not, and all of Pusher's at once.

Each is off where it is None. `max_channels_per_event`, which is on for all, and the sizes of messages and requests are
where Reverb's are.
"""

from __future__ import annotations

import typing
from dataclasses import dataclass, fields, replace
from typing import Literal

from revurb.apps.field_checks import check_choice, check_positive

ChannelNameCharset = Literal["any", "pusher"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AppLimits:
    """What an app, its clients and their users may do. Lengths are in characters (code points).

    The charset `pusher` is letters, digits and `-_=@,.;`. User ids and infos are those of presence channels. The data
    of an event counts as the text that is sent on, that of a client event as the JSON that came.

    Raises TypeError or ValueError with the name of a field that has a wrong type or value.
    """

    channel_name_charset: ChannelNameCharset | None = None
    max_channel_name_length: int | None = None
    max_presence_members: int | None = None
    max_user_id_length: int | None = None
    max_user_info_bytes: int | None = None
    max_event_name_length: int | None = None
    max_event_data_bytes: int | None = None
    max_events_per_batch: int | None = None
    max_client_events_per_second: int | None = None
    max_publishes_per_second: int | None = None  # these three of the app, over all processes
    max_reads_per_second: int | None = None
    max_app_client_events_per_second: int | None = None

    def __post_init__(self) -> None:
        for name in LIMIT_NAMES:
            value = getattr(self, name)
            if name != "channel_name_charset":
                check_positive("AppLimits", name, value, optional=True)
            elif value is not None:
                check_choice("AppLimits", name, value, typing.get_args(ChannelNameCharset))

    def __bool__(self) -> bool:
        """Whether any is set."""
        return any(getattr(self, name) is not None for name in LIMIT_NAMES)

    def or_else(self, others: AppLimits) -> AppLimits:
        """These limits, and those of `others` that are not set here."""
        return replace(
            others,
            **{name: value for name in LIMIT_NAMES if (value := getattr(self, name)) is not None},
        )


LIMIT_NAMES = tuple(declared.name for declared in fields(AppLimits))

# https://pusher.com/docs/channels/using_channels/channels (names), .../presence-channels, .../events (client events),
# .../server_api/http-api; the length of an event's name is that of the server SDKs.
PUSHER_LIMITS = AppLimits(
    channel_name_charset="pusher",
    max_channel_name_length=164,
    max_presence_members=100,
    max_user_id_length=128,
    max_user_info_bytes=1024,
    max_event_name_length=200,
    max_event_data_bytes=10 * 1024,
    max_events_per_batch=10,
    max_client_events_per_second=10,
)
# What has to be let in for that: an event to one channel with 10 KiB of data, however that is escaped, and a client
# event with as many.
PUSHER_MAX_REQUEST_SIZE_BYTES = 65_536
PUSHER_MAX_MESSAGE_SIZE_BYTES = 16_384
