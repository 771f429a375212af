"""What the console shows of channels, over all processes: a list of those with most subscribers, and one by itself."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TypeVar

import msgspec

from revurb.apps import App
from revurb.inspection.process_answers import ProcessChannels
from revurb.pusher.channel_name import ChannelName
from revurb.pusher.history import UNAVAILABLE, history_of
from revurb.pusher.ports import Bus, ChannelState, MaybeAwaitable, Member
from revurb.pusher.presence import id_text

T = TypeVar("T")

MAX_MEMBERS = 500
MAX_INFO_BYTES = 256 * 1024  # of all that are shown
MAX_EVENTS = 10  # of a history
MEMBER_S = 5e-6  # CPU time for each member of a channel, whether it is shown or not
STATE_S = 5e-5  # for asking a broker about a channel, in all processes


class ListedChannel(msgspec.Struct):
    """A channel in a list. Only presence channels have users."""

    name: str
    kind: str
    subscriptions: int
    users: int | None


def kind_of(name: ChannelName) -> str:
    """ "public", "private", "encrypted" or "presence"."""
    return "encrypted" if name.encrypted else name.kind.value


async def channel_listing(
    bus: Bus, app: App, parts: Sequence[ProcessChannels], limit: int
) -> tuple[object, float]:
    """`{"channels": [...], "total": 2, "is_whole": true}`, and about what CPU time it takes in seconds.

    Where there are more than each process lists, one that has few subscribers in each process may be missing, and
    `total` is the most that there can be: a channel counts in each process that has subscribers of it."""
    counts: dict[str, int] = {}
    for part in parts:
        for count, name in part.channels:
            counts[name] = counts.get(name, 0) + count
    is_whole = all(len(part.channels) == part.total for part in parts)
    names = sorted(counts, key=lambda name: (-counts[name], name))[:limit]
    parsed = {name: ChannelName.parse(name) for name in names}
    is_exact = is_whole or len(parts) == 1
    asked = [name for name in names if parsed[name].presence or not is_exact]
    states: dict[str, ChannelState] = {}
    if asked:
        found = await ready(bus.describe(app.id, asked))
        states = dict(zip(asked, found, strict=True))
    channels = [
        ListedChannel(
            name,
            kind_of(parsed[name]),
            # A broker is told of counts once a second.
            counts[name] if is_exact else max(counts[name], states[name].subscription_count),
            states[name].user_count if parsed[name].presence else None,
        )
        for name in names
    ]
    channels.sort(key=lambda channel: (-channel.subscriptions, channel.name))
    total = len(counts) if is_whole else sum(part.total for part in parts)
    answer = {"channels": channels, "total": total, "is_whole": is_whole and len(counts) <= limit}
    return answer, STATE_S * len(asked)


async def channel_view(bus: Bus, app: App, channel: str) -> tuple[object, float]:
    """What is known of one channel, and about what CPU time that takes in seconds."""
    name = ChannelName.parse(channel)
    (state,) = await ready(bus.describe(app.id, (channel,)))
    members = await ready(bus.members(app.id, channel)) if name.presence else None
    view = {
        "kind": kind_of(name),
        "occupied": state.subscription_count > 0,
        "subscriptions": state.subscription_count,
        "members": None if members is None else _shown(members),
        "member_count": None if members is None else len(members),
        "cached": state.cached is not None,
        "history": await _history(bus, app, channel),
    }
    return view, MEMBER_S * len(members or ())


def _shown(members: Sequence[Member]) -> list[dict[str, object]]:
    """The first of them. `info` is null where it is not JSON, or too much together."""
    shown: list[dict[str, object]] = []
    left_bytes = MAX_INFO_BYTES
    for member in members[:MAX_MEMBERS]:
        info: object = None
        left_bytes -= len(member.info_json)
        if left_bytes >= 0:
            info = _json(member.info_json)
        shown.append({"id": msgspec.json.decode(id_text(member)), "info": info})
    return shown


async def _history(bus: Bus, app: App, channel: str) -> object:
    """The newest events that are kept; None of a channel without history."""
    if history_of(app, channel) is None:
        return None
    page = await ready(bus.history(app.id, channel, None, MAX_EVENTS))
    if page.failure == UNAVAILABLE:
        return {"events": [], "position": None, "failure": page.failure}
    events = [_json(text) for text in page.events]
    return {"events": events, "position": str(page.position), "failure": page.failure or None}


def _json(text: bytes) -> object:
    """The value; None for what is none: somebody else may have written it into Redis."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


async def ready(value: MaybeAwaitable[T]) -> T:
    return await value if isinstance(value, Awaitable) else value
