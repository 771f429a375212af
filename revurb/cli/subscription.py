"""A Pusher client that keeps a connection and says what comes over it.

Plan: `Subscriber.run` connects, answers the protocol's own events, and hands each of the others to `on_event`
as it is. When the connection goes it makes another, by the close code: 4000-4099 never again, 4200-4299 at
once, anything else after a growing pause (Pusher docs, "Connection closure").
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

from revurb.cli.client import TIMEOUT_S, reason
from revurb.cli.target import Address
from revurb.config import App
from revurb.version import __version__

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
CLOSE_TIMEOUT_S = 1.0  # Ctrl-C should not wait for a server that is gone
LONGEST_PAUSE_S = 15.0
UNAUTHORIZED = 4009  # for a channel: said of one subscription, the connection goes on


class SubscriberError(Exception):
    """There is no connection and trying again would not help; the text says why."""


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """One event: `data` is what the server sent, usually a text with JSON in it."""

    name: str
    channel: str | None
    data: Any


def pause_s(attempt: int) -> float:
    """Seconds to wait before attempt 1, 2...: doubling, capped, and never in step with others."""
    return min(LONGEST_PAUSE_S, 0.5 * 2.0 ** min(attempt - 1, 10)) * random.uniform(0.5, 1.0)


@dataclass(slots=True)
class Subscriber:
    """Subscribes to `channels` of `app`; presence channels as the member `channel_data` (JSON) describes.

    `on_event` gets what other than the protocol itself arrives, `on_notice` a line about what happens.
    """

    address: Address
    app: App
    channels: Sequence[str]
    channel_data: str | None
    on_event: Callable[[ReceivedEvent], None]
    on_notice: Callable[[str], None]
    pause_s: Callable[[int], float] = pause_s
    _attempt: int = 0
    _was_connected: bool = False

    async def run(self) -> None:
        """Listen until cancelled. Raises SubscriberError if the first connection fails, or for good."""
        while True:
            code, why = await self._connection()
            if code is not None and 4000 <= code <= 4099:
                raise SubscriberError(f"the server closed the connection for good: {why}")
            self._attempt += 1
            at_once = code is not None and 4200 <= code <= 4299 and self._attempt == 1
            pause = 0.0 if at_once else self.pause_s(self._attempt)
            self.on_notice(
                f"connection lost ({why}), next attempt " + (f"in {pause:.1f} s" if pause else "now")
            )
            await asyncio.sleep(pause)

    async def _connection(self) -> tuple[int | None, str]:
        """One connection from beginning to end. Returns its close code, if it had one, and the reason."""
        path = f"/app/{quote(self.app.key)}?protocol=7&client=revurb&version={__version__}"
        url = self.address.url("ws", path)
        try:
            async with connect(
                url,
                ssl=self.address.tls,
                open_timeout=TIMEOUT_S,
                close_timeout=CLOSE_TIMEOUT_S,
                max_size=MAX_MESSAGE_BYTES,
                proxy=None,  # a proxy of the environment is for the world outside, not for one's own server
            ) as socket:
                return await self._serve(socket)
        except (OSError, UnicodeError, InvalidHandshake, InvalidURI) as error:
            why = (
                f"the server answered {error.response.status_code}"
                if isinstance(error, InvalidStatus)
                else reason(error)
            )
            if not self._was_connected:
                raise SubscriberError(f"cannot reach {self.address.url('ws')}: {why}") from error
            return None, why

    async def _serve(self, socket: ClientConnection) -> tuple[int | None, str]:
        try:
            async for message in socket:
                await self._on_message(socket, message)
        except ConnectionClosed:
            pass
        text = " ".join(part for part in (str(socket.close_code or ""), socket.close_reason or "") if part)
        return socket.close_code, text or "no reason given"

    async def _on_message(self, socket: ClientConnection, message: str | bytes) -> None:
        try:
            event = _event_in(message)
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
                self._on_error(_decoded(event.data))
            case "pusher:subscription_error" | "pusher_internal:subscription_error":
                self.on_notice(f"not subscribed to {event.channel}: {_text(event.data)}")
            case "pusher:subscription_succeeded" | "pusher_internal:subscription_succeeded":
                self.on_notice(f"subscribed to {event.channel}{_members(_decoded(event.data))}")
            case _:
                self.on_event(event)

    async def _on_established(self, socket: ClientConnection, event: ReceivedEvent) -> None:
        data = _decoded(event.data)
        socket_id = str(data.get("socket_id")) if isinstance(data, dict) else ""
        self._attempt, self._was_connected = 0, True
        self.on_notice(f"connected to {self.address.url('ws')} as {socket_id}")
        for channel in self.channels:
            await socket.send(
                json.dumps({"event": "pusher:subscribe", "data": self._request(socket_id, channel)})
            )

    def _request(self, socket_id: str, channel: str) -> dict[str, str]:
        text, request = f"{socket_id}:{channel}", {"channel": channel}
        if channel.startswith("presence-") and self.channel_data is not None:
            request["channel_data"] = self.channel_data
            text += f":{self.channel_data}"
        if channel.startswith(("private-", "presence-")):
            request["auth"] = f"{self.app.key}:{self.app.sign(text)}"
        return request

    def _on_error(self, data: Any) -> None:
        code = data.get("code") if isinstance(data, dict) else None
        text = f"{code} {data.get('message')}" if isinstance(data, dict) else _text(data)
        # Reverb says some errors that are for good and leaves the connection open: closing is then up to us.
        if isinstance(code, int) and 4000 <= code <= 4099 and code != UNAUTHORIZED:
            raise SubscriberError(f"the server refused the connection: {text}")
        self.on_notice(f"error: {text}")


def _event_in(message: str | bytes) -> ReceivedEvent:
    """Raises ValueError if `message` is not the JSON of an event."""
    value = json.loads(message)
    if not isinstance(value, dict) or not isinstance(value.get("event"), str):
        raise ValueError(value)
    channel = value.get("channel")
    return ReceivedEvent(value["event"], channel if isinstance(channel, str) else None, value.get("data"))


def _decoded(data: Any) -> Any:
    """`data` of the protocol's own events: JSON in a text from most servers, plain JSON from some."""
    if not isinstance(data, str):
        return data
    try:
        return json.loads(data)
    except ValueError:
        return data


def _text(data: Any) -> str:
    return data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)


def _members(data: Any) -> str:
    count = data.get("presence", {}).get("count") if isinstance(data, dict) else None
    return "" if count is None else f" ({count} {'member' if count == 1 else 'members'})"
