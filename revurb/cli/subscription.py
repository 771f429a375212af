"""A Pusher client that stays subscribed to channels and reconnects.

`Subscriber.run` connects, answers the events of the protocol itself, and passes each other event to `on_event`
unchanged. The close code of a lost connection decides about the next one: none after 4000-4099, at once after
4200-4299, after a growing delay for anything else (Pusher docs, "Connection closure").
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    InvalidURI,
)

from revurb.cli.client import TIMEOUT_S, describe_error
from revurb.cli.target import NodeAddress
from revurb.config import App
from revurb.version import __version__

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
CLOSE_TIMEOUT_S = 1.0  # so that Ctrl-C does not wait for a server that does not answer
MAX_RECONNECT_DELAY_S = 15.0
USER_CHANNEL_PREFIX = "#server-to-user-"
UNAUTHORIZED = 4009  # as an error event it concerns one subscription, and the connection stays open


class SubscriberError(Exception):
    """There is no connection, and another attempt would fail too. The text is the reason."""


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """One event. `data` is as the server sent it, usually a string of JSON."""

    name: str
    channel: str | None
    data: Any


def reconnect_delay_s(attempt: int) -> float:
    """Seconds to wait before attempt 1, 2 and so on: doubles up to `MAX_RECONNECT_DELAY_S`, with jitter."""
    return min(MAX_RECONNECT_DELAY_S, 0.5 * 2.0 ** min(attempt - 1, 10)) * random.uniform(0.5, 1.0)


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
    _attempt: int = 0
    _was_connected: bool = False

    async def run(self) -> None:
        """Runs until it is cancelled. Raises SubscriberError if the first connection fails, or if the server refuses
        the connection for good."""
        while True:
            code, reason = await self._run_connection()
            if code is not None and 4000 <= code <= 4099:
                raise SubscriberError(f"the server closed the connection for good: {reason}")
            self._attempt += 1
            at_once = code is not None and 4200 <= code <= 4299 and self._attempt == 1
            delay_s = 0.0 if at_once else self.delay_s(self._attempt)
            self.on_notice(
                f"connection lost ({reason}), next attempt " + (f"in {delay_s:.1f} s" if delay_s else "now")
            )
            await asyncio.sleep(delay_s)

    async def _run_connection(self) -> tuple[int | None, str]:
        """Connects, and returns when the connection is lost: its close code, if it had one, and the reason."""
        path = f"/app/{quote(self.app.key)}?protocol=7&client=revurb&version={__version__}"
        url = self.address.url("ws", path)
        try:
            sock = await asyncio.to_thread(self.address.open, TIMEOUT_S) if self.address.header else None
            async with (
                connect(
                    url,
                    sock=sock,
                    ssl=self.address.tls,
                    open_timeout=TIMEOUT_S,
                    close_timeout=CLOSE_TIMEOUT_S,
                    max_size=MAX_MESSAGE_BYTES,
                    proxy=None,  # the server is usually on this host or network, behind any proxy of the environment
                ) as socket
            ):
                return await self._receive(socket)
        except (OSError, UnicodeError, InvalidHandshake, InvalidURI) as error:
            reason = (
                f"the server answered {error.response.status_code}"
                if isinstance(error, InvalidStatus)
                else describe_error(error)
            )
            if not self._was_connected:
                raise SubscriberError(f"cannot reach {self.address.url('ws')}: {reason}") from error
            return None, reason

    async def _receive(self, socket: ClientConnection) -> tuple[int | None, str]:
        try:
            async for message in socket:
                await self._on_message(socket, message)
        except ConnectionClosed:
            pass
        text = " ".join(part for part in (str(socket.close_code or ""), socket.close_reason or "") if part)
        return socket.close_code, text or "no reason given"

    async def _on_message(self, socket: ClientConnection, message: str | bytes) -> None:
        try:
            event = _decode_event(message)
        except ValueError:
            self.on_notice("a message that is not a Pusher event was ignored")
            return
        match event.name:
            case "pusher:connection_established":
                await self._on_established(socket, event)
            case "pusher:ping":
                await socket.send('{"event":"pusher:pong","data":{}}')
            case "pusher:pong":
                pass
            case "pusher:error":
                self._on_error(_decode_data(event.data))
            case "pusher:subscription_error" | "pusher_internal:subscription_error":
                self.on_notice(f"not subscribed to {event.channel}: {_text(event.data)}")
            case "pusher:subscription_succeeded" | "pusher_internal:subscription_succeeded":
                self.on_notice(f"subscribed to {event.channel}{_member_count(_decode_data(event.data))}")
            case "pusher:signin_success":
                data = _decode_data(event.data)
                self.on_notice(
                    f"signed in as {_text(data.get('user_data') if isinstance(data, dict) else data)}"
                )
            case _:
                self.on_event(event)

    async def _on_established(self, socket: ClientConnection, event: ReceivedEvent) -> None:
        data = _decode_data(event.data)
        socket_id = str(data.get("socket_id")) if isinstance(data, dict) else ""
        self._attempt, self._was_connected = 0, True
        self.on_notice(f"connected to {self.address.url('ws')} as {socket_id}")
        for channel in self.channels:
            if channel.startswith(USER_CHANNEL_PREFIX):
                user = {"id": channel.removeprefix(USER_CHANNEL_PREFIX)}
                try:
                    request = {"event": "pusher:signin", "data": self.app.authenticate_user(socket_id, user)}
                except ValueError as error:
                    self.on_notice(f"not subscribed to {channel}: {error}")
                    continue
            else:
                request = {"event": "pusher:subscribe", "data": self._subscribe_data(socket_id, channel)}
            await socket.send(json.dumps(request))

    def _subscribe_data(self, socket_id: str, channel: str) -> dict[str, str]:
        signed_text, data = f"{socket_id}:{channel}", {"channel": channel}
        if channel.startswith("presence-") and self.channel_data is not None:
            data["channel_data"] = self.channel_data
            signed_text += f":{self.channel_data}"
        if channel.startswith(("private-", "presence-")):
            data["auth"] = f"{self.app.key}:{self.app.sign(signed_text)}"
        return data

    def _on_error(self, data: Any) -> None:
        code = data.get("code") if isinstance(data, dict) else None
        text = f"{code} {data.get('message')}" if isinstance(data, dict) else _text(data)
        # Reverb leaves the connection open after some errors that are final: then the client closes it.
        if isinstance(code, int) and 4000 <= code <= 4099 and code != UNAUTHORIZED:
            raise SubscriberError(f"the server refused the connection: {text}")
        self.on_notice(f"error: {text}")


def _decode_event(message: str | bytes) -> ReceivedEvent:
    """The event in a WebSocket message. Raises ValueError if it is none."""
    value = json.loads(message)
    if not isinstance(value, dict) or not isinstance(value.get("event"), str):
        raise ValueError(value)
    channel = value.get("channel")
    return ReceivedEvent(value["event"], channel if isinstance(channel, str) else None, value.get("data"))


def _decode_data(data: Any) -> Any:
    """The `data` of a protocol event: most servers send a string of JSON, some plain JSON."""
    if not isinstance(data, str):
        return data
    try:
        return json.loads(data)
    except ValueError:
        return data


def _text(data: Any) -> str:
    return data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)


def _member_count(data: Any) -> str:
    """The text " (2 members)" for the data of a presence channel, else nothing."""
    count = data.get("presence", {}).get("count") if isinstance(data, dict) else None
    return "" if count is None else f" ({count} {'member' if count == 1 else 'members'})"
