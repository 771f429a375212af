"""A connection to a server that is made again whenever it is lost.

`KeptConnection.run` connects, answers pings, sends them itself where the server is silent, and connects again by the
schedule. It knows no channels: whoever owns it is told of each connection, and gets each message, in order and one
at a time; while the owner handles one, the next is not read.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from revurb.pusher_client.activity_watch import MAX_ACTIVITY_TIMEOUT_S, PONG_TIMEOUT_S, ActivityWatch
from revurb.pusher_client.client_errors import CannotConnect, ConnectionRefused
from revurb.pusher_client.client_state import ClientState, StateChange, StateKeeper
from revurb.pusher_client.dialer import Dialer, DialFailed
from revurb.pusher_client.received_message import ReceivedMessage, read_message
from revurb.pusher_client.reconnect_schedule import NO_ANSWER, ReconnectSchedule, backoff_delay_s, is_final

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

# As an error event it concerns one subscription, and the connection stays open.
UNAUTHORIZED = 4009
MESSAGES_PER_TURN = 50  # then others on the loop have theirs: what is read already comes without waiting


class _End(NamedTuple):
    """How a connection ended: its close code, if it had one, and why. `is_closed` is whether the server has closed
    it."""

    code: int | None
    reason: str
    is_closed: bool = True

    @property
    def text(self) -> str:
        return " ".join(part for part in (str(self.code or ""), self.reason) if part) or "no reason given"


class ConnectionOwner(Protocol):
    """Who is told of a `KeptConnection`. What these raise ends it."""

    def state_changed(self, change: StateChange) -> None:
        """The state is another one."""

    async def established(self, socket_id: str) -> None:
        """There is a connection. What is sent first is sent here."""

    async def message(self, message: ReceivedMessage) -> None:
        """A message that is no ping and does not greet. Errors of the server are among them."""

    def ignored(self) -> None:
        """A message has come that is none of Pusher."""

    async def lost(self, reason: str, delay_s: float) -> None:
        """The connection is lost, or an attempt has failed; the next one is in `delay_s` seconds."""


@dataclass(frozen=True, slots=True)
class ConnectionTiming:
    """`first_patience_s` is how long the first connection may take, with its attempts: None for ever, 0 for one
    attempt. `delay_s` gives the seconds before an attempt."""

    first_patience_s: float | None = 10.0
    activity_timeout_s: float = MAX_ACTIVITY_TIMEOUT_S
    pong_timeout_s: float = PONG_TIMEOUT_S
    delay_s: Callable[[int], float] = backoff_delay_s


class KeptConnection:
    """One connection after the other. `socket_id` is that of the present one, and empty without."""

    def __init__(
        self,
        dialer: Dialer,
        owner: ConnectionOwner,
        timing: ConnectionTiming = ConnectionTiming(),
    ) -> None:
        self._dialer = dialer
        self._owner = owner
        self._timing = timing
        self._schedule = ReconnectSchedule(timing.delay_s)
        self._keeper = StateKeeper(owner.state_changed)
        self._socket: ClientConnection | None = None
        self._was_connected = False
        self.socket_id = ""

    @property
    def state(self) -> ClientState:
        return self._keeper.state

    async def run(self) -> None:
        """Runs until it is cancelled. Raises CannotConnect if there is no first connection in time, and
        ConnectionRefused if the server wants none."""
        loop = asyncio.get_running_loop()
        patience_s = self._timing.first_patience_s
        first_until = float("inf") if patience_s is None else loop.time() + patience_s
        self._keeper.become(ClientState.CONNECTING)
        try:
            while True:
                end = await self._run_once()
                if end.code is not None and is_final(end.code):
                    raise ConnectionRefused(end.code, end.reason, end.is_closed)
                delay_s = self._schedule.next_delay_s(end.code)
                if not self._was_connected and loop.time() + delay_s >= first_until:
                    raise CannotConnect(f"cannot reach {self._dialer.url}: {end.text}")
                self._keeper.lost(end.text)
                await self._owner.lost(end.text, delay_s)
                await asyncio.sleep(delay_s)
        finally:
            self._keeper.become(ClientState.CLOSED)

    async def send(self, event: str, data: object, channel: str | None = None) -> bool:
        """Send a message; returns whether there was a connection to send it on. That does not say that it arrived."""
        from websockets.exceptions import ConnectionClosed

        if self._socket is None or not self.socket_id:
            return False
        message = {"event": event, "data": data}
        if channel is not None:
            message["channel"] = channel
        try:
            await self._socket.send(_encoded(message))
        except ConnectionClosed:
            return False  # the loop that reads is about to find out
        return True

    async def _run_once(self) -> _End:
        """Connects, and returns when the connection is lost."""
        try:
            async with self._dialer.connection() as socket:
                self._socket = socket
                return await self._read(socket)
        except DialFailed as error:
            return _End(None, str(error))
        finally:
            self._socket, self.socket_id = None, ""

    async def _read(self, socket: ClientConnection) -> _End:
        from websockets.exceptions import ConnectionClosed

        clock = asyncio.get_running_loop().time
        watch = ActivityWatch(clock(), self._timing.activity_timeout_s, self._timing.pong_timeout_s)
        watch.deadline = clock() + self._dialer.timeout_s  # for the greeting
        read = 0
        try:
            while True:
                try:
                    async with asyncio.timeout_at(watch.deadline):
                        text = await socket.recv()
                except TimeoutError:
                    if watch.is_dead(clock()) or not await self._ping(socket):
                        socket.transport.abort()  # it would not answer a close frame either
                        return _End(NO_ANSWER, "no answer to a ping", is_closed=False)
                    continue
                watch.heard(clock())
                failure = await self._handle(socket, watch, text)
                if failure is not None:
                    return failure
                read += 1
                if read % MESSAGES_PER_TURN == 0:
                    await asyncio.sleep(0)
        except ConnectionClosed:
            pass
        return _End(socket.close_code, socket.close_reason or "")

    async def _ping(self, socket: ClientConnection) -> bool:
        """Returns whether a ping could be sent: a peer that is gone does not take it."""
        try:
            async with asyncio.timeout(self._timing.pong_timeout_s):
                await socket.send('{"event":"pusher:ping","data":{}}')
        except TimeoutError:
            return False
        return True

    async def _handle(self, socket: ClientConnection, watch: ActivityWatch, text: str | bytes) -> _End | None:
        """Handle a message. Returns the end if the server has refused the connection, but left it open."""
        try:
            message = read_message(text)
        except ValueError:
            self._owner.ignored()
            return None
        match message.event:
            case "pusher:connection_established":
                await self._establish(watch, message.mapping())
            case "pusher:ping":
                await socket.send('{"event":"pusher:pong","data":{}}')
            case "pusher:error" if (refusal := _refusal(message)) is not None:
                return refusal
            case _:
                await self._owner.message(message)
        return None

    async def _establish(self, watch: ActivityWatch, data: dict[str, Any]) -> None:
        self.socket_id = str(data.get("socket_id", ""))
        watch.server_wants(data.get("activity_timeout"), asyncio.get_running_loop().time())
        self._was_connected = True
        self._schedule.held()
        self._keeper.become(ClientState.CONNECTED)
        await self._owner.established(self.socket_id)


def _encoded(message: dict[str, object]) -> str:
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair can be sent as an escape only
        return json.dumps(message, separators=(",", ":"))
    return text


def _refusal(message: ReceivedMessage) -> _End | None:
    """Reverb leaves the connection open after some errors that are final: then the client closes it."""
    data = message.mapping()
    code = data.get("code")
    if isinstance(code, int) and is_final(code) and code != UNAUTHORIZED:
        return _End(code, str(data.get("message", "")), is_closed=False)
    return None
