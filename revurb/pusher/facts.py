"""Facts: what has happened on an app's channels, as other servers are told it (Pusher docs, "Webhooks").

The bus makes a fact in the step that decides it, so that each is made once over all processes, and keeps it until it is
`done`. One process at a time sends them: the one whose `FactSender` the bus has told to `begin`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias

import msgspec

from revurb.pusher.ports import MaybeAwaitable

CHANNEL_OCCUPIED = "channel_occupied"
CHANNEL_VACATED = "channel_vacated"
MEMBER_ADDED = "member_added"
MEMBER_REMOVED = "member_removed"
CACHE_MISS = "cache_miss"
CLIENT_EVENT = "client_event"
SUBSCRIPTION_COUNT = "subscription_count"

# What is wanted of an app or a channel: a sum of these, 0 for nothing. Wire format.
OCCUPANCY = 1
MEMBERS = 2
CACHE_MISSES = 4
CLIENT_EVENTS = 8
COUNTS = 16
COUNT_EVENTS = 32  # no fact: the channel's own subscribers are told how many they are

WantedFacts: TypeAlias = Mapping[str, int]
"""By app id, what is wanted of its channels at present; nothing of apps that are not in it."""


def wanted_of(wanted: int, channel: str) -> int:
    """What is wanted of the channel, where this is wanted of its app. The server's own channels are nobody's business,
    and members are not counted as subscribers (Pusher docs, "Subscription counting")."""
    if channel.startswith("#"):
        return 0
    return wanted & ~(COUNTS | COUNT_EVENTS) if channel.startswith("presence-") else wanted


def now_ms() -> int:
    """The `time_ms` of a fact that is decided now."""
    return time.time_ns() // 1_000_000


class Fact(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """`kind` is Pusher's name for it, `time_ms` when it was decided, in ms since 1970.

    Facts about members have a `user_id`; about the count of subscribers a `count`; about client events the `event`, its
    `data` as a text (JSON, unless the client sent a string), the `socket_id` of the sender and on presence channels the
    `user_id`.
    """

    kind: str
    app_id: str
    channel: str
    time_ms: int
    user_id: str = ""
    count: int = 0
    event: str = ""
    data: str = ""
    socket_id: str = ""


class QueuedFact(NamedTuple):
    """A fact in the bus's queue. `id` names it in the whole cluster and for ever; it is at most 100 characters."""

    id: str
    fact: Fact


class FactSender(Protocol):
    """What the bus calls in each process. Between `begin` and `end` this process is the one that sends."""

    def begin(self, kept: Mapping[str, bytes]) -> None:
        """Send from now on. `kept` is what an earlier sender has kept (`FactQueue.keep`)."""

    def take(self, facts: Sequence[QueuedFact]) -> None:
        """Send these. Facts of one channel come in their order. After `begin` come first those that an earlier sender
        has taken, and may have sent."""

    def end(self) -> None:
        """Send nothing any more, and forget everything: another process does it, or may."""


class FactQueue(Protocol):
    """What a `FactSender` may ask of the bus. `done` and `keep` have no effect in a process that is not the sender."""

    def done(self, ids: Sequence[str]) -> None:
        """Forget these facts: they are sent, or given up."""

    def keep(self, name: str, value: bytes | None) -> MaybeAwaitable[None]:
        """Keep `value` under this name for whoever sends after this process, or with None forget it. Done when it would
        outlive this process."""

    def want(self, app_id: str, wanted: int) -> None:
        """What is wanted of an app has changed, or is known now. To be called in each process, before the app's first
        connection does anything."""

    async def leave(self, timeout_s: float) -> bool:
        """This process stops, and its clients have gone. Returns whether it is the last that can send, so that what is
        not done is lost; all of it is here then. Waits at most `timeout_s` seconds for others that stop."""
