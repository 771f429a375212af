"""Who a client has signed in as (Pusher docs, "User authentication"): what the application sends to this user, and
who of the watchlist comes and goes.

Signing in belongs to a connection: it is done again on each, as soon as there is one.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from revurb.pusher_client.authorizers import UserAuth, answer_of
from revurb.pusher_client.client_errors import AuthRefused, UserRefused
from revurb.pusher_client.handler_table import Handler, HandlerTable
from revurb.pusher_client.received_message import Event, ReceivedMessage
from revurb.pusher_client.reconnect_schedule import backoff_delay_s

USER_CHANNEL = "#server-to-user-"
_log = logging.getLogger(__name__)


class Watchlist:
    """Tells who of the user's watchlist comes online and goes offline."""

    def __init__(self, handlers: HandlerTable[Event]) -> None:
        self._handlers = handlers

    def bind(self, event: str, handler: Handler[Event]) -> None:
        """Call `handler` with each "online" or "offline", whose data is `{"name": ..., "user_ids": [...]}`."""
        self._handlers.bind(event, handler)

    def unbind(self, event: str | None = None, handler: Handler[Event] | None = None) -> None:
        """Call it no more, as `SubscribedChannel.unbind`."""
        self._handlers.unbind(event, handler)

    def received(self, message: ReceivedMessage) -> None:
        """A message about the watchlist has come."""
        events = message.mapping().get("events")
        for change in events if isinstance(events, list) else ():
            if isinstance(change, dict) and isinstance(change.get("name"), str):
                text = json.dumps(change, ensure_ascii=False)
                self._handlers.emit(change["name"], Event(change["name"], None, text))


class SignInPort(Protocol):
    """What the user of a client needs of it."""

    @property
    def socket_id(self) -> str:
        """That of the connection; empty without one."""

    async def send(self, event: str, data: object, channel: str | None = None) -> bool:
        """Returns whether there was a connection to send it on."""


class ClientUser:
    """The user that the client has signed in as. `data` is what the application has signed of it; None when nobody is
    signed in."""

    def __init__(
        self, port: SignInPort, auth: UserAuth | None, handlers: Callable[[], HandlerTable[Event]]
    ) -> None:
        self._port = port
        self._auth = auth
        self._handlers = handlers()
        self._waiters: list[asyncio.Future[None]] = []
        self._settled = asyncio.Event()  # signed in, or refused, on this connection
        self.watchlist = Watchlist(handlers())
        self.is_wanted = False
        self.data: Mapping[str, Any] | None = None

    @property
    def id(self) -> str | None:
        """The user's id; None when nobody is signed in."""
        return None if self.data is None else str(self.data.get("id"))

    def bind(self, event: str, handler: Handler[Event]) -> None:
        """Call `handler` with each event of this name that is sent to the user, and with `pusher:signin_error`."""
        self._handlers.bind(event, handler)

    def bind_all(self, handler: Handler[Event]) -> None:
        """Call `handler` with every event that is sent to the user."""
        self._handlers.bind(None, handler)

    def unbind(self, event: str | None = None, handler: Handler[Event] | None = None) -> None:
        """Call it no more, as `SubscribedChannel.unbind`."""
        self._handlers.unbind(event, handler)

    # What the client calls.

    def check(self) -> UserAuth:
        """Raises UserRefused if there is nobody to be asked."""
        if self._auth is None:
            raise UserRefused("signing in needs user_auth, or an AppAuth with a user")
        return self._auth

    async def confirmed_soon(self, begin: Callable[[], None]) -> None:
        """Wait until the user is signed in. Raises UserRefused."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        if not self.is_wanted or self._settled.is_set():  # else it is under way
            self.is_wanted = True
            self._settled.clear()
            begin()
        try:
            await waiter
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    async def settled(self) -> None:
        """Wait until it is decided who the user is on this connection, if anybody signs in."""
        if self.is_wanted:
            await self._settled.wait()

    async def request(self) -> None:
        """Sign in on this connection. What fails for now is tried again, once there was a user."""
        auth, socket_id, attempt = self.check(), self._port.socket_id, 0
        while True:
            try:
                answer = await answer_of(auth(socket_id))
                break
            except Exception as error:  # the function is the application's, and may raise anything
                if isinstance(error, AuthRefused) or self._waiters:
                    return self.refused(str(error) or type(error).__name__)
                attempt += 1
                _log.warning("signing in has failed, trying again", extra={"error": str(error)})
            await asyncio.sleep(backoff_delay_s(attempt))
        await self._port.send("pusher:signin", {"auth": answer["auth"], "user_data": answer.get("user_data")})

    def refused(self, reason: str) -> None:
        """Nobody is signed in, and nobody tries again on this connection."""
        _log.warning("signing in was refused", extra={"reason": reason})
        waiters, self._waiters = self._waiters, []
        if waiters:
            self.is_wanted = False
        for waiter in waiters:
            if not waiter.done():
                waiter.set_exception(UserRefused(f"not signed in: {reason}"))
        self._settled.set()
        self._handlers.emit(
            "pusher:signin_error", Event("pusher:signin_error", None, json.dumps({"error": reason}))
        )

    async def signed_in(self, message: ReceivedMessage) -> None:
        """The server has confirmed it."""
        text = message.mapping().get("user_data")
        try:
            data = json.loads(text) if isinstance(text, str) else None
        except (ValueError, RecursionError):
            data = None
        if not isinstance(data, dict) or not data.get("id"):
            return self.refused("the server told no user")
        self.data = data
        self._settled.set()
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        # Revurb needs no subscription for that; other servers do, and pusher-js sends it.
        await self._port.send("pusher:subscribe", {"channel": f"{USER_CHANNEL}{self.id}", "auth": ""})

    def received(self, message: ReceivedMessage) -> None:
        """A message of the user's channel has come."""
        if not message.event.startswith(("pusher:", "pusher_internal:")):
            self._handlers.emit(message.event, message.as_event())

    def lost(self) -> None:
        """The connection is lost."""
        self.data = None
        self._settled.clear()

    def close(self, error: BaseException) -> None:
        """The client is closed."""
        self.data, self.is_wanted = None, False
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_exception(error)
