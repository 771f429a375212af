"""A Pusher client that stays subscribed to channels, reconnects, and resumes where the channels have history.

`Subscriber.run` has a connection of `revurb.pusher_client`, which connects again by the close code. It answers the
events of the protocol itself, and passes each other event to `on_event` unchanged, no repeat among them: what
revurb.Client decrypts or turns into members is shown here as it came.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from revurb.cli.client import TIMEOUT_S
from revurb.cli.target import NodeAddress
from revurb.config import App
from revurb.pusher_client.channel_positions import ChannelPositions
from revurb.pusher_client.client_errors import CannotConnect, ConnectionRefused
from revurb.pusher_client.client_state import StateChange
from revurb.pusher_client.dialer import Dialer
from revurb.pusher_client.kept_connection import ConnectionTiming, KeptConnection
from revurb.pusher_client.received_message import ReceivedMessage
from revurb.pusher_client.reconnect_schedule import MAX_DELAY_S, backoff_delay_s
from revurb.pusher_client.subscribed_channel import is_cache
from revurb.pusher_client.user_session import USER_CHANNEL

MAX_RECONNECT_DELAY_S = MAX_DELAY_S
reconnect_delay_s = backoff_delay_s


class SubscriberError(Exception):
    """There is no connection, and another attempt would fail too. The text is the reason."""


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """One event. `data` is as the server sent it, usually a string of JSON."""

    name: str
    channel: str | None
    data: Any


@dataclass(slots=True)
class Subscriber:
    """Subscribes to `channels` of `app`, to presence channels as the member in `channel_data` (JSON). For the channel
    of a user it signs in as that one, of which there can be one.

    `on_event` is called with each event that is not the protocol's own, `on_notice` with a line of text for each change
    of the connection or of a subscription. `delay_s` gives the seconds before an attempt.
    """

    address: NodeAddress
    app: App
    channels: Sequence[str]
    channel_data: str | None
    on_event: Callable[[ReceivedEvent], None]
    on_notice: Callable[[str], None]
    delay_s: Callable[[int], float] = reconnect_delay_s
    _positions: dict[str, ChannelPositions] = field(default_factory=dict)
    _connection: KeptConnection = field(init=False)

    def __post_init__(self) -> None:
        self._positions = {channel: ChannelPositions(is_cache(channel)) for channel in self.channels}
        open_socket = self.address.open if self.address.header else None
        dialer = Dialer(self.address.url("ws"), self.app.key, self.address.tls, TIMEOUT_S, open_socket)
        self._connection = KeptConnection(
            dialer, self, ConnectionTiming(first_patience_s=0, delay_s=self.delay_s)
        )

    async def run(self) -> None:
        """Runs until it is cancelled. Raises SubscriberError if the first connection fails, or if the server refuses
        the connection for good."""
        try:
            await self._connection.run()
        except (CannotConnect, ConnectionRefused) as error:
            raise SubscriberError(str(error)) from error

    # What the connection calls.

    def state_changed(self, change: StateChange) -> None:
        """What is worth a line is said elsewhere."""

    def ignored(self) -> None:
        """A message has come that is none of Pusher."""
        self.on_notice("a message that is not a Pusher event was ignored")

    async def lost(self, reason: str, delay_s: float) -> None:
        """The connection is lost, or an attempt has failed."""
        for channel, positions in self._positions.items():
            self._tell_gap(channel, positions.untold_gap())
            positions.lost()
        self.on_notice(
            f"connection lost ({reason}), next attempt " + (f"in {delay_s:.1f} s" if delay_s else "now")
        )

    async def established(self, socket_id: str) -> None:
        """There is a connection: subscribe to everything."""
        self.on_notice(f"connected to {self.address.url('ws')} as {socket_id}")
        for channel in self.channels:
            if channel.startswith(USER_CHANNEL):
                user = {"id": channel.removeprefix(USER_CHANNEL)}
                try:
                    request = self.app.authenticate_user(socket_id, user)
                except ValueError as error:
                    self.on_notice(f"not subscribed to {channel}: {error}")
                    continue
                await self._connection.send("pusher:signin", request)
            else:
                await self._connection.send("pusher:subscribe", self._subscribe_data(socket_id, channel))

    async def message(self, message: ReceivedMessage) -> None:
        """A message that is no ping."""
        positions = self._positions.get(message.channel or "")
        if positions is not None and message.channel is not None:
            self._tell_gap(message.channel, positions.gap_before(message))
        match message.event:
            case "pusher:pong":
                for each in self._positions.values():
                    each.answered(self._connection.socket_id)
            case "pusher:resume_failed":
                pass  # told as a gap
            case "pusher:error":
                self._on_error(message.value())
            case "pusher:subscription_error" | "pusher_internal:subscription_error":
                self.on_notice(f"not subscribed to {message.channel}: {_text(message.data)}")
            case "pusher:subscription_succeeded" | "pusher_internal:subscription_succeeded":
                self.on_notice(f"subscribed to {message.channel}{_member_count(message.value())}")
                if positions is not None and message.channel is not None:
                    reason = positions.confirmed(message, self._connection.socket_id)
                    self._tell_gap(message.channel, reason)
            case "pusher:signin_success":
                self.on_notice(f"signed in as {_text(message.mapping().get('user_data', message.value()))}")
            case _:
                socket_id = self._connection.socket_id
                if positions is None or positions.received(message, socket_id):
                    self.on_event(ReceivedEvent(message.event, message.channel, message.data))

    def _subscribe_data(self, socket_id: str, channel: str) -> dict[str, Any]:
        signed_text, data = f"{socket_id}:{channel}", dict[str, Any](channel=channel)
        if channel.startswith("presence-") and self.channel_data is not None:
            data["channel_data"] = self.channel_data
            signed_text += f":{self.channel_data}"
        if channel.startswith(("private-", "presence-")):
            data["auth"] = f"{self.app.key}:{self.app.sign(signed_text)}"
        resume = self._positions[channel].resume()
        if resume is not None:
            data["resume"] = resume
        return data

    def _tell_gap(self, channel: str, reason: str | None) -> None:
        if reason is not None:
            self.on_notice(f"events of {channel} were missed: {reason}")

    def _on_error(self, data: Any) -> None:
        text = f"{data.get('code')} {data.get('message')}" if isinstance(data, dict) else _text(data)
        self.on_notice(f"error: {text}")


def _text(data: Any) -> str:
    return data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)


def _member_count(data: Any) -> str:
    """The text " (2 members)" for the data of a presence channel, else nothing."""
    count = data.get("presence", {}).get("count") if isinstance(data, dict) else None
    return "" if count is None else f" ({count} {'member' if count == 1 else 'members'})"
