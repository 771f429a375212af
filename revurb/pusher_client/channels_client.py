"""A client of a Pusher server, for asyncio, which users have as revurb.Client.

    async with Client("ws://127.0.0.1:8080", key="app-key", auth=app) as client:
        channel = await client.subscribe("private-orders")
        async for event in channel:
            print(event.event, event.json())

Beginning: `kept_connection.py` keeps a connection and tells what it reads; here it is given to the channel that it
is for (`subscribed_channel.py`), and after each reconnect everything is subscribed to again
(`subscription_requests.py`), from where it was in its history (`channel_positions.py`).
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from types import TracebackType

from revurb.apps import App
from revurb.apps.field_checks import is_utf8
from revurb.pusher_client.authorizers import (
    AppAuth,
    ChannelAuth,
    UserAuth,
    channel_authorizer,
    user_authorizer,
)
from revurb.pusher_client.channel_table import REFUSED, ChannelTable
from revurb.pusher_client.client_errors import ClientClosed, ClientError
from revurb.pusher_client.client_state import ClientState, StateChange
from revurb.pusher_client.consumer_queue import MAX_QUEUED, Congestion
from revurb.pusher_client.dialer import Dialer
from revurb.pusher_client.handler_table import Handler, HandlerTable, TaskSet
from revurb.pusher_client.kept_connection import UNAUTHORIZED, ConnectionTiming, KeptConnection
from revurb.pusher_client.received_message import Event, ReceivedMessage
from revurb.pusher_client.subscribed_channel import SubscribedChannel
from revurb.pusher_client.subscription_requests import SubscriptionRequests
from revurb.pusher_client.user_session import USER_CHANNEL, ClientUser, Watchlist

WATCHLIST_TOO_LONG = 4302  # the server's code for it
_log = logging.getLogger(__name__)


class Client:
    """A connection to a server that comes back, and the channels of it.

    `url` is that of the server, such as "wss://ws.example.com", `key` the app's; it is left out with an app. `auth`
    is for private, presence and encrypted channels: a function of socket id and channel, plain or asynchronous, the
    URL of the application's endpoint, an `AuthEndpoint`, an `App` or an `AppAuth`. `user_auth` is the same for
    `sign_in`. `max_queued` is how many events may wait for one loop or asynchronous handler.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        auth: App | str | ChannelAuth | None = None,
        user_auth: str | UserAuth | None = None,
        tls: ssl.SSLContext | None = None,
        max_queued: int = MAX_QUEUED,
        timing: ConnectionTiming | None = None,
    ) -> None:
        ask = channel_authorizer(auth)
        if key is None:
            if not isinstance(ask, AppAuth):
                raise ValueError("Client.key: not given; it is the key of the app")
            key = ask.app.key
        self.max_queued = max_queued
        self.tasks = TaskSet()
        self.congestion = Congestion()
        self._handlers: HandlerTable[Event] = self._table()
        self._state_handlers: HandlerTable[StateChange] = HandlerTable(
            self.tasks, self.congestion, max_queued
        )
        self._connection = KeptConnection(Dialer(url, key, tls), self, timing or ConnectionTiming())
        self.user = ClientUser(self, user_authorizer(user_auth, ask), self._table)
        self._requests = SubscriptionRequests(self._connection, ask, self.user)
        self._channels = ChannelTable(self, self._connection, self._requests)
        self._refusal: str | None = None  # of which it is not known yet what is refused
        self._run_task: asyncio.Task[None] | None = None
        self._first: asyncio.Future[None] | None = None
        self._end: BaseException = ClientClosed("the client is not started: use `async with`, or start()")

    # --- the connection

    @property
    def state(self) -> ClientState:
        """The state of the connection."""
        return self._connection.state

    @property
    def socket_id(self) -> str:
        """The id of the connection, for servers that send to all others; empty without one."""
        return self._connection.socket_id

    @property
    def watchlist(self) -> Watchlist:
        """Who of the user's watchlist comes and goes."""
        return self.user.watchlist

    async def start(self) -> None:
        """Connect, and stay connected until `close`. Raises CannotConnect if there is no first connection in time,
        and ConnectionRefused if the server wants none."""
        if self._run_task is not None:
            raise ClientError("the client is started already")
        loop = asyncio.get_running_loop()
        self._first = loop.create_future()
        self._run_task = task = loop.create_task(self._run())
        try:
            await asyncio.wait((task, self._first), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self.close()
            raise
        if not self._first.done():
            await self.close()
            raise self._end

    async def close(self) -> None:
        """End the connection, all loops over channels, and the handlers that run."""
        task, self._run_task = self._run_task, None
        if task is not None:
            task.cancel()
            await asyncio.wait((task,))
        await self.tasks.end()

    async def __aenter__(self) -> Client:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def bind(self, event: str, handler: Handler[Event]) -> None:
        """Call `handler` with each event of this name, on any channel; `pusher:error` is one of the server."""
        self._handlers.bind(event, handler)

    def bind_all(self, handler: Handler[Event]) -> None:
        """Call `handler` with every event of all channels."""
        self._handlers.bind(None, handler)

    def unbind(self, event: str | None = None, handler: Handler[Event] | None = None) -> None:
        """Call it no more, as `SubscribedChannel.unbind`."""
        self._handlers.unbind(event, handler)

    def bind_state(self, handler: Handler[StateChange]) -> None:
        """Call `handler` with each change of the connection's state."""
        self._state_handlers.bind(None, handler)

    # --- channels

    def channel(self, name: str) -> SubscribedChannel | None:
        """The channel, if it is subscribed to or about to be."""
        return self._channels.get(name)

    async def subscribe(self, name: str) -> SubscribedChannel:
        """Subscribe to a channel, and stay subscribed. Returns when the server has confirmed it; raises
        ChannelRefused if it is refused, ConnectionRefused or ClientClosed if there will be no connection, and
        ValueError for what is no name of a channel, or that of a user's, which `user` is for."""
        if not isinstance(name, str) or not name or name.startswith(USER_CHANNEL) or not is_utf8(name):
            raise ValueError(f"Client.subscribe: found {name!r}; allowed: the name of a channel")
        self._need_running()
        return await self._channels.subscribe(name)

    async def unsubscribe(self, name: str) -> None:
        """Leave a channel, and forget where it was in its history."""
        await self._channels.unsubscribe(name)

    async def sign_in(self) -> None:
        """Become one of a user, on this connection and all later ones. Raises UserRefused."""
        self._need_running()
        self.user.check()
        if self.user.data is None:
            await self.user.confirmed_soon(self._sign_in_soon)

    # --- what the parts call: `ConnectionOwner`, `ChannelPort`, `SignInPort`

    async def send(self, event: str, data: object, channel: str | None = None) -> bool:
        """Send a message of the protocol; returns whether there was a connection to send it on."""
        return await self._connection.send(event, data, channel)

    def tell(self, event: Event) -> None:
        """An event of a channel."""
        self._handlers.emit(event.event, event)

    async def new_key(self, channel: SubscribedChannel) -> None:
        """Ask for the key of an encrypted channel again; without an answer the old one stays."""
        try:
            await self._requests.ask(channel)
        except Exception as error:  # the function is the application's, and may raise anything
            _log.warning("auth of a channel has failed", extra={"channel": channel.name, "error": str(error)})

    def state_changed(self, change: StateChange) -> None:
        """The connection has another state."""
        self._state_handlers.emit(change.current.value, change)

    def ignored(self) -> None:
        """A message has come that is none of Pusher."""
        _log.warning("ignored a message that is not a Pusher event")

    async def established(self, socket_id: str) -> None:
        """There is a connection: ask for everything on it."""
        if self._first is not None and not self._first.done():
            self._first.set_result(None)
        if self.user.is_wanted:
            self._sign_in_soon()
        # In a task of its own: a server that waits until this client reads takes no requests.
        self._channels.start(self._channels.request_all())

    async def message(self, message: ReceivedMessage) -> None:
        """A message has come; the next one is not read before it is handled."""
        name, refusal = message.event, self._refusal
        self._refusal = None
        if refusal is not None and name not in REFUSED:
            self._refused(refusal)
        if name == "pusher:pong":
            self._channels.answered()
        elif name == "pusher:error":
            await self._on_error(message)
        elif name == "pusher:signin_success":
            await self.user.signed_in(message)
        elif name == "pusher_internal:watchlist_events":
            self.user.watchlist.received(message)
        elif message.channel is not None and message.channel.startswith(USER_CHANNEL):
            self.user.received(message)
        else:
            await self._channels.receive(message)
        await self.congestion.relieved()

    async def lost(self, reason: str, delay_s: float) -> None:
        """The connection is lost."""
        _log.info("connection lost, trying again", extra={"reason": reason, "delay_s": round(delay_s, 3)})
        await self._leave_connection()

    # --- its own

    def _table(self) -> HandlerTable[Event]:
        return HandlerTable(self.tasks, self.congestion, self.max_queued)

    def _need_running(self) -> None:
        if self._run_task is None or self._run_task.done():
            raise self._end

    async def _run(self) -> None:
        end: BaseException = ClientClosed("the client is closed")
        try:
            await self._connection.run()
        except ClientError as error:
            end = error
            if self._first is not None and self._first.done():
                _log.error("the connection is refused for good", extra={"error": str(error)})
        except Exception as error:
            end = error
            _log.exception("the client has failed")
        finally:
            self._end = end
            await self._leave_connection()
            self._channels.close(end, is_failure=not isinstance(end, ClientClosed))
            self.user.close(end)

    async def _leave_connection(self) -> None:
        self._refusal = None
        self.user.lost()
        await self._channels.lost()

    async def _on_error(self, message: ReceivedMessage) -> None:
        data = message.mapping()
        code, text = data.get("code"), str(data.get("message", ""))
        _log.warning("the server reports an error", extra={"code": code, "error": text})
        self._handlers.emit("pusher:error", message.as_event())
        if code in (UNAUTHORIZED, WATCHLIST_TOO_LONG):
            # What is meant follows, if it is a channel and the server says so; else the next message is another one.
            self._refusal = text
            await self.send("pusher:ping", {})

    def _refused(self, reason: str) -> None:
        """The server has refused something, and has not said that it was a channel."""
        if self.user.is_wanted and self.user.data is None:
            self.user.refused(reason)
        else:
            self._channels.unauthorized(reason)

    def _sign_in_soon(self) -> None:
        if self.socket_id:
            self._channels.start(self.user.request())
