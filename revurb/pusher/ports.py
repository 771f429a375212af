"""What the protocol needs from the outside, and nothing more; and the values that travel there.

The composition root (`node/node.py`) hands in real ones; tests hand in recorders. This file is all that the bus knows
of the protocol.

A bus of one process answers at once, one of several has to ask: what may take time returns either the value or an
awaitable of it, so that the single process pays for no task.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias, TypeVar

import msgspec

from revurb.pusher.history import HistoryBounds, HistoryPage, Position, Replay, Resume

T = TypeVar("T")
Work: TypeAlias = Callable[[Iterator[None]], None]
"""Runs all steps of an iterator; where there are many, with turns for others in between."""
MaybeAwaitable: TypeAlias = T | Awaitable[T]


class Member(NamedTuple):
    """A user on a presence channel: the signed `channel_data`, decoded.

    `user_id` identifies the user; `id_json` and `info_json` are the JSON that the app wrote.
    """

    user_id: str
    id_json: bytes
    info_json: bytes


class PublishedEvent(msgspec.Struct, frozen=True, gc=False):
    """An event for every subscriber of a channel but `except_socket_id`: `text` is its finished JSON.

    Kept as the channel's last event for `cache_ttl_s` seconds; 0 does not keep it. With `history` it gets a position
    among the channel's events, which the bus adds to the text, and is kept within these bounds. `number` is that of the
    position, once it has one.
    """

    app_id: str
    channel: str
    text: bytes
    except_socket_id: str | None = None
    cache_ttl_s: int = 0
    history: HistoryBounds | None = None
    number: int = 0


class DeliverableEvent(Protocol):
    """What a process needs of an event that it delivers: a PublishedEvent, or a bus's own form of one."""

    @property
    def app_id(self) -> str: ...
    @property
    def channel(self) -> str: ...
    @property
    def text(self) -> bytes: ...
    @property
    def except_socket_id(self) -> str | None: ...


class EnterRequest(msgspec.Struct, frozen=True, gc=False):
    """One more subscriber of this process on a channel; on a presence channel `member` is who it is, and `added` is the
    finished `member_added` event for the others, should the user be new there. `want_cached` asks for the channel's
    last event, `want_members` for the members, which a member gets in any case. A `member` who would be one more user
    there than `max_members` is not let in; 0 is no limit. `want_position` asks for the channel's position, which has
    history; with `resume` also for what was missed since another."""

    app_id: str
    channel: str
    member: Member | None
    added: bytes
    want_cached: bool
    want_members: bool = False
    max_members: int = 0
    want_position: bool = False
    resume: Resume | None = None

    @property
    def is_plain(self) -> bool:
        """Whether nothing is asked for, and nobody comes."""
        return not (self.member is not None or self.want_cached or self.want_members or self.want_position)

    @property
    def gets_members(self) -> bool:
        """Whether the members are in the snapshot."""
        return self.want_members or self.member is not None


class CachedEvent(NamedTuple):
    """The last event of a cache channel: finished JSON, and the seconds for which it will still be kept."""

    text: bytes
    ttl_s: float


class ChannelSnapshot(NamedTuple):
    """A channel as a new subscriber is told of it: the members, the last event and the history, where they were asked
    for. If it `is_full`, the subscriber was not let in, and has nothing to leave. Without `replay` the history is out
    of reach."""

    members: Sequence[Member] = ()
    cached: bytes | None = None
    is_full: bool = False
    replay: Replay | None = None


class ChannelState(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A channel over all processes. One without subscribers has counts of 0 and may still have a last event."""

    subscription_count: int = 0
    user_count: int = 0
    cached: CachedEvent | None = None


class Outlet(Protocol):
    """The sending side of one WebSocket connection. No method raises when the peer has gone."""

    @property
    def peer(self) -> str:
        """The client's address, for logs; behind a proxy, the proxy's."""

    def send(self, frame: bytes) -> None:
        """Send one finished WebSocket frame, after everything sent before."""

    def ping(self) -> None:
        """Send a WebSocket ping control frame (RFC 6455 5.5.2)."""

    def close(self, code: int, reason: str = "") -> None:
        """Start the close handshake. What is sent afterwards is dropped."""


class Receiver(Protocol):
    """What the bus calls in a process. One call at a time, in the bus's order."""

    def deliver(self, event: DeliverableEvent) -> object:
        """Send an event to this process's subscribers of its channel."""

    def terminate(self, app_id: str, user_id: str) -> object:
        """End this process's connections of a user."""

    def answer(self, question: bytes) -> MaybeAwaitable[bytes]:
        """Answer a survey: at once, or later where that takes long."""


class Bus(Protocol):
    """Makes all processes one: takes events to subscribers wherever they are, and knows who is on which channel."""

    def publish(self, event: PublishedEvent) -> MaybeAwaitable[None]:
        """Deliver an event everywhere. Done when the bus has accepted it: its place among the other events of the
        channel is fixed then."""

    def publish_kept(self, event: PublishedEvent) -> MaybeAwaitable[str | None]:
        """As `publish`, of an event of a channel with history. Done with None when it is kept; with
        `history.UNAVAILABLE` if who keeps events is out of reach for too long: nobody gets it then, unless that has
        just taken it and could not say so any more."""

    def enter(self, request: EnterRequest, on_entered: Callable[[ChannelSnapshot], None]) -> None:
        """Count one more subscriber, and send `added` to everyone else if the user is new on the channel.

        `on_entered` is called once, perhaps before this returns, at a point in the channel's order of events: the
        snapshot includes every event that was delivered before that point, and none that is delivered later.
        """

    def leave(self, app_id: str, channel: str, user_id: str | None) -> None:
        """Undo one `enter`, after its `on_entered`. If that was the user's last connection there, `member_removed` is
        sent to everyone else."""

    def admit(self, app_id: str, limit: int | None) -> MaybeAwaitable[bool]:
        """Count one more connection of the app, unless all processes together have `limit` of them already."""

    def release(self, app_id: str) -> None:
        """Undo one `admit` that was granted."""

    def terminate(self, app_id: str, user_id: str) -> MaybeAwaitable[None]:
        """End all connections of a user, in every process."""

    def channels(self, app_id: str, prefix: str) -> MaybeAwaitable[Mapping[str, ChannelState]]:
        """The channels that have subscribers, by name."""

    def describe(self, app_id: str, channels: Sequence[str]) -> MaybeAwaitable[Sequence[ChannelState]]:
        """The state of each of `channels`, in order."""

    def members(self, app_id: str, channel: str) -> MaybeAwaitable[Sequence[Member]]:
        """Who is on a presence channel, in order of joining."""

    def connections(self, app_id: str) -> MaybeAwaitable[int]:
        """How many connections the app has."""

    def history(
        self, app_id: str, channel: str, after: Position | None, limit: int
    ) -> MaybeAwaitable[HistoryPage]:
        """At most `limit` events of a channel with history: the first after a position, or without one the last. If who
        keeps them is out of reach, it is UNAVAILABLE_PAGE."""

    def forget_history(self, app_id: str, channel: str) -> MaybeAwaitable[bool]:
        """Keep none of the channel's events any more that there are now. Positions go on. False if who keeps them is
        out of reach."""

    def survey(self, question: bytes, deadline_s: float) -> MaybeAwaitable[Sequence[bytes]]:
        """Ask every process, this one included. Done when all have answered or the deadline has passed."""
