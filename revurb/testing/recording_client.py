"""A client that keeps what it receives, for assertions."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Mapping
from typing import Any

from revurb.apps import App
from revurb.pusher_client import AppAuth, Client, ConnectionTiming, Event
from revurb.pusher_client.received_message import ReceivedMessage
from revurb.testing.expectation import ANY, Expectation, described

ANSWER_S = 5.0  # for a node on this host to answer; it takes a millisecond


class _PingedClient(Client):
    """A Client whose connection can be asked whether all that was sent before has come."""

    def __init__(self, ws_url: str, auth: AppAuth, tls: ssl.SSLContext | None) -> None:
        super().__init__(ws_url, auth=auth, tls=tls, timing=ConnectionTiming(first_patience_s=ANSWER_S))
        self._pongs: deque[asyncio.Future[None]] = deque()  # that are waited for, in the order of their pings

    async def message(self, message: ReceivedMessage) -> None:
        await super().message(message)
        if message.event == "pusher:pong" and self._pongs and not (pong := self._pongs.popleft()).done():
            pong.set_result(None)

    async def caught_up(self) -> None:
        """Returns when everything that the server had sent at the call has been received. Raises TimeoutError."""
        pong: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pongs.append(pong)
        try:
            async with asyncio.timeout(ANSWER_S):
                if await self.send("pusher:ping", {}):
                    await pong
        except TimeoutError:
            raise TimeoutError(f"the node has not answered within {ANSWER_S} s") from None


class RecordingClient:
    """A client of the node, which signs for itself. All methods are for the loop of the node."""

    def __init__(
        self,
        ws_url: str,
        app: App,
        user_id: str | None = None,
        user_info: Mapping[str, object] | None = None,
        encryption_master_key_base64: str | None = None,
    ) -> None:
        """Raises ValueError for a key that is none."""
        self._user = None if user_id is None else {"id": user_id, "user_info": dict(user_info or {})}
        auth = AppAuth(app, user=self._user, encryption_master_key_base64=encryption_master_key_base64)
        tls = None
        if ws_url.startswith("wss:"):
            # The certificate is the test's own, of whatever name: which node it is, the port says.
            tls = ssl.create_default_context()
            tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        self._client = _PingedClient(ws_url, auth, tls)
        self.events: list[Event] = []
        self._changed = asyncio.Event()
        self._client.bind_all(self._keep)
        self._client.user.bind_all(self._keep)

    @property
    def socket_id(self) -> str:
        """The id of the connection, for triggers that leave it out."""
        return self._client.socket_id

    async def start(self) -> None:
        """Connect. Raises CannotConnect or ConnectionRefused."""
        await self._client.start()

    async def close(self) -> None:
        """End the connection."""
        await self._client.close()

    async def subscribe(self, channel: str) -> None:
        """Returns when the node has confirmed it. Raises ChannelRefused, and ValueError for what cannot be signed."""
        if channel.startswith("presence-") and self._user is None:
            raise ValueError(f'{channel} has members: subscribe a client with a user, such as connect("7")')
        await self._client.subscribe(channel)

    async def unsubscribe(self, channel: str) -> None:
        """Leave a channel."""
        await self._client.unsubscribe(channel)

    async def sign_in(self) -> None:
        """Become one of the user's connections. Raises UserRefused, or ValueError without a user."""
        await self._client.sign_in()

    async def trigger(self, channel: str, event: str, data: object) -> None:
        """Send a client event to the others on a channel. Raises LookupError where this client is not on it,
        ValueError for what no server forwards."""
        subscribed = self._client.channel(channel)
        if subscribed is None or not await subscribed.trigger(event, data):
            raise LookupError(f"this client is not on {channel}: subscribe to it first")
        await self._client.caught_up()

    def members(self, channel: str) -> dict[str, Any]:
        """The members of a presence channel that this client is on: what the application says of each, by id."""
        subscribed = self._client.channel(channel)
        if subscribed is None or not subscribed.is_subscribed:
            raise LookupError(f"this client is not on {channel}: subscribe to it first")
        return {member.id: member.info for member in subscribed.members}

    async def received(
        self, event: str, channel: str | None = None, data: Any = ANY, timeout_s: float = 2.0
    ) -> Event:
        """The first such event that was received, or is within `timeout_s`. Raises AssertionError where none is."""
        wanted = Expectation(event, channel, data)
        try:
            async with asyncio.timeout(timeout_s):
                while (found := self._find(wanted)) is None:
                    self._changed.clear()
                    await self._changed.wait()
                return found
        except TimeoutError:
            raise AssertionError(
                f"{wanted} was not received within {timeout_s} s; what was: {self._description()}"
            ) from None

    async def not_received(self, event: str, channel: str | None = None, data: Any = ANY) -> None:
        """Raises AssertionError if such an event was received. What the node had accepted before the call has come by
        then, so that nothing needs to be waited for."""
        await self._client.caught_up()
        wanted = Expectation(event, channel, data)
        if self._find(wanted) is not None:
            raise AssertionError(f"{wanted} was received; all that was: {self._description()}")

    def _keep(self, event: Event) -> None:
        self.events.append(event)
        self._changed.set()

    def _find(self, wanted: Expectation) -> Event | None:
        return next((event for event in self.events if wanted.is_met(event, [event.channel or ""])), None)

    def _description(self) -> str:
        return described(
            ([event.channel or "no channel"], event)
            for event in self.events
            if event.event != "pusher:subscription_succeeded"
        )
