"""What the protocol needs from the outside, and nothing more; and the values that travel there.

The composition root (`server/node.py`) hands in real ones; tests hand in recorders. This file is all that the bus
knows of the protocol.

A bus of one process answers at once, one of several has to ask: what may take time gives either the value or an
awaitable of it, so that the single process pays for no task.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias, TypeVar

T = TypeVar("T")
Soon: TypeAlias = T | Awaitable[T]


class Member(NamedTuple):
    """A user on a presence channel: the signed `channel_data`, read.

    `user_id` identifies; `id_json` and `info_json` are what the app wrote.
    """

    user_id: str
    id_json: bytes
    info_json: bytes


class CachedEvent(NamedTuple):
    """The last event of a cache channel: finished JSON, and how long it will still be remembered."""

    text: bytes
    ttl_s: float


class Entered(NamedTuple):
    """What one more subscriber of a channel is to know: the members, on presence channels, and the last event, where
    it was asked for."""

    members: Sequence[Member] = ()
    cached: bytes | None = None


class ChannelState(NamedTuple):
    """A channel over all processes. A channel without subscribers has counts of 0 and may still have an event."""

    subscription_count: int = 0
    user_count: int = 0
    cached: CachedEvent | None = None


class Outlet(Protocol):
    """The sending side of one WebSocket connection. No method raises when the peer has gone."""

    def send(self, frame: bytes) -> None:
        """Send one finished WebSocket frame, after everything sent before."""

    def ping(self) -> None:
        """Send a WebSocket ping control frame (RFC 6455 5.5.2)."""

    def close(self, code: int, reason: str = "") -> None:
        """Start the close handshake. What is sent afterwards is dropped."""


class Receiver(Protocol):
    """What the bus brings to a process. Called in the bus' order, one at a time."""

    def deliver(self, app_id: str, channel: str, text: bytes, except_socket_id: str | None) -> object:
        """Give an event to this process's subscribers of the channel."""

    def terminate(self, app_id: str, user_id: str) -> object:
        """End this process's connections of a user."""

    def answer(self, question: bytes) -> bytes:
        """Answer a survey."""


class Bus(Protocol):
    """Makes all processes one: takes events to subscribers wherever they are, and knows who is on which channel."""

    def publish(
        self,
        app_id: str,
        channel: str,
        text: bytes,
        except_socket_id: str | None = None,
        cache_ttl_s: int = 0,
    ) -> Soon[None]:
        """Deliver `text`, a finished event as JSON, to the channel everywhere but to `except_socket_id`; done when the
        order of the event among all others of the channel is settled. Remembered for `cache_ttl_s` seconds, 0 is
        not at all."""

    def enter(
        self,
        app_id: str,
        channel: str,
        member: Member | None,
        added: bytes,
        want_cached: bool,
        then: Callable[[Entered], None],
    ) -> None:
        """Count one more subscriber of this process on the channel, on a presence channel under `member`.

        If the user is new there, everyone else is sent `added`. `then` is called once, perhaps before this returns, at
        the point in the channel's order of events that `Entered` describes: what is delivered before is in it, what
        is delivered later is not.
        """

    def leave(self, app_id: str, channel: str, user_id: str | None) -> None:
        """Undo one `enter`, after its `then`. If a member was last seen there, everyone is sent that it went."""

    def admit(self, app_id: str, limit: int | None) -> Soon[bool]:
        """Count one more connection of the app, unless all processes together have `limit` of them already."""

    def release(self, app_id: str) -> None:
        """Undo one `admit` that was granted."""

    def terminate(self, app_id: str, user_id: str) -> Soon[None]:
        """End all connections of a user, in every process."""

    def channels(self, app_id: str, prefix: str) -> Soon[Mapping[str, ChannelState]]:
        """The channels that have subscribers, by name."""

    def describe(self, app_id: str, channels: Sequence[str]) -> Soon[Sequence[ChannelState]]:
        """Each of `channels`, in order."""

    def members(self, app_id: str, channel: str) -> Soon[Sequence[Member]]:
        """Who is on a presence channel, in order of joining."""

    def connections(self, app_id: str) -> Soon[int]:
        """How many connections of the app there are."""

    def survey(self, question: bytes, deadline_s: float) -> Soon[Sequence[bytes]]:
        """Ask every process, this one included; what has been answered when all have or the deadline has passed."""
