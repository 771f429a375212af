"""The channels of one client, on the connection that it has: each is asked for, confirmed or refused, and asked for
again on the next connection.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from revurb.pusher_client.client_errors import ChannelRefused
from revurb.pusher_client.handler_table import TaskSet
from revurb.pusher_client.kept_connection import KeptConnection
from revurb.pusher_client.received_message import ReceivedMessage
from revurb.pusher_client.subscribed_channel import CONFIRMED, ChannelPort, SubscribedChannel
from revurb.pusher_client.subscription_requests import SubscriptionRequests, needs_auth

REFUSED = ("pusher:subscription_error", "pusher_internal:subscription_error")
_log = logging.getLogger(__name__)


class ChannelTable:
    """Channels by their names. `connection_tasks` end with the connection."""

    def __init__(self, port: ChannelPort, connection: KeptConnection, requests: SubscriptionRequests) -> None:
        self._port = port
        self._connection = connection
        self._requests = requests
        self._channels: dict[str, SubscribedChannel] = {}
        self._catching_up: set[SubscribedChannel] = set()
        self._is_asked = False  # a ping is on its way, whose pong says that what was missed has come
        self.connection_tasks = TaskSet()

    def get(self, name: str) -> SubscribedChannel | None:
        """The channel, if it is subscribed to or about to be."""
        return self._channels.get(name)

    async def subscribe(self, name: str) -> SubscribedChannel:
        """The channel, once it is confirmed. Raises ChannelRefused, and that with which the client ends."""
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = SubscribedChannel(name, self._port)
        if channel.is_subscribed:
            return channel
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        channel.waiters.append(waiter)
        if not channel.is_requested and self._connection.socket_id:
            channel.is_requested = True
            self.start(self._request(channel))
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter in channel.waiters:
                channel.waiters.remove(waiter)
            is_unwanted = not channel.waiters and not channel.was_confirmed
            if is_unwanted and self._channels.get(name) is channel and self._leave(name):
                self.start(self._tell_left(name))
            raise
        return channel

    async def unsubscribe(self, name: str) -> None:
        """Leave a channel, and forget where it was in its history."""
        if self._leave(name):
            await self._tell_left(name)

    def _leave(self, name: str) -> bool:
        """Returns whether the server has to be told."""
        channel = self._channels.pop(name, None)
        if channel is None:
            return False
        was_requested = channel.is_requested
        channel.close()
        self._catching_up.discard(channel)
        _settle(channel, ChannelRefused(name, "it was left meanwhile"))
        return was_requested

    async def _tell_left(self, name: str) -> None:
        await self._connection.send("pusher:unsubscribe", {"channel": name})

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something while the connection lasts."""
        self.connection_tasks.start(asyncio.get_running_loop().create_task(work))

    async def request_all(self) -> None:
        """Ask for every channel on a new connection."""
        for channel in tuple(self._channels.values()):
            if channel.is_requested or self._channels.get(channel.name) is not channel:
                continue
            channel.is_requested = True
            if needs_auth(channel.name):
                self.start(self._request(channel))
            else:
                await self._request(channel)

    async def receive(self, message: ReceivedMessage) -> None:
        """A message of a channel has come."""
        channel = self._channels.get(message.channel or "")
        if channel is None:
            return  # it was left, and this was on its way
        if message.event in REFUSED:
            if channel.is_requested:  # else an error has told it already
                data = message.mapping()
                status, reason = data.get("status"), data.get("error") or data.get("type")
                error = ChannelRefused(
                    channel.name,
                    str(reason or "the server refused it"),
                    status if isinstance(status, int) else None,
                )
                self._refused(channel, error)
            return
        await channel.receive(message, self._connection.socket_id)
        if message.event in CONFIRMED:
            _settle(channel)
            if channel.positions.is_catching_up:
                await self._ask_until_caught_up(channel)

    def unauthorized(self, reason: str) -> None:
        """The server has refused a channel without saying which, as Reverb does: where one alone waits, it is meant."""
        waiting = [
            channel
            for channel in self._channels.values()
            if channel.is_requested and not channel.is_subscribed and needs_auth(channel.name)
        ]
        if len(waiting) == 1:
            self._refused(waiting[0], ChannelRefused(waiting[0].name, reason))

    def answered(self) -> None:
        """The server has answered a ping: what was missed on channels that were confirmed before has come."""
        self._is_asked = False
        for channel in self._catching_up:
            channel.positions.answered(self._connection.socket_id)
        self._catching_up.clear()

    async def lost(self) -> None:
        """The connection is lost."""
        self._catching_up.clear()
        self._is_asked = False
        for channel in self._channels.values():
            channel.lost()
        await self.connection_tasks.end()

    def close(self, end: BaseException, is_failure: bool) -> None:
        """There will be no further connection; loops over channels end with the error if it is a failure."""
        for channel in self._channels.values():
            channel.close(end if is_failure else None)
            _settle(channel, end)
        self._channels.clear()

    async def _request(self, channel: SubscribedChannel) -> None:
        try:
            await self._requests.request(channel)
        except ChannelRefused as error:
            self._refused(channel, error)

    def _refused(self, channel: SubscribedChannel, error: ChannelRefused) -> None:
        channel.is_requested = channel.is_subscribed = False
        if channel.was_confirmed:
            _log.error(
                "a channel is refused after a reconnect",
                extra={"channel": channel.name, "reason": error.reason},
            )
            channel.refused({"type": "AuthError", "error": error.reason, "status": error.status})
        elif self._channels.get(channel.name) is channel:
            del self._channels[channel.name]
            channel.close(error)
        _settle(channel, error)

    async def _ask_until_caught_up(self, channel: SubscribedChannel) -> None:
        """What is missed comes together with the confirmation, so an answer to anything after that comes later."""
        self._catching_up.add(channel)
        if not self._is_asked:
            self._is_asked = True
            await self._connection.send("pusher:ping", {})


def _settle(channel: SubscribedChannel, error: BaseException | None = None) -> None:
    """Tell who waits in `subscribe`."""
    waiters, channel.waiters = channel.waiters, []
    for waiter in waiters:
        if waiter.done():
            continue
        if error is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(error)
