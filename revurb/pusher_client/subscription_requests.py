"""Asks for the subscriptions of a client, on each of its connections: signed where the channel is for some only,
and with the place in its history where it has one.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from revurb.pusher_client.authorizers import AuthAnswer, ChannelAuth, answer_of
from revurb.pusher_client.client_errors import AuthRefused, ChannelRefused
from revurb.pusher_client.kept_connection import KeptConnection
from revurb.pusher_client.reconnect_schedule import backoff_delay_s
from revurb.pusher_client.secret_box import EncryptionUnavailable, is_encrypted, need_encryption, read_key
from revurb.pusher_client.subscribed_channel import SubscribedChannel, decoded_member_id
from revurb.pusher_client.user_session import ClientUser

AUTHS_AT_ONCE = 10  # so that a client with many channels does not meet its application with all of them
_log = logging.getLogger(__name__)


def needs_auth(channel: str) -> bool:
    """Whether the channel is for some only."""
    return channel.startswith(("private-", "presence-"))


class SubscriptionRequests:
    """Requests on the connections of one client."""

    def __init__(self, connection: KeptConnection, auth: ChannelAuth | None, user: ClientUser) -> None:
        self._connection = connection
        self._auth = auth
        self._user = user
        self._asking = asyncio.Semaphore(AUTHS_AT_ONCE)

    async def request(self, channel: SubscribedChannel) -> None:
        """Ask for the subscription. Raises ChannelRefused if the application refuses it."""
        data: dict[str, Any] = {"channel": channel.name}
        if needs_auth(channel.name):
            answer = await self._authorized(channel)
            data["auth"] = answer["auth"]
            if answer.get("channel_data") is not None:
                data["channel_data"] = answer["channel_data"]
            if channel.name.startswith("presence-"):
                await self._know_me(channel, answer)
        if not channel.is_requested:
            return  # it was left meanwhile
        resume = channel.positions.resume()
        if resume is not None:
            data["resume"] = resume
        await self._connection.send("pusher:subscribe", data)

    async def ask(self, channel: SubscribedChannel) -> AuthAnswer:
        """What the application answers for the channel, once. Takes over the key of an encrypted one. Raises
        ChannelRefused if it refuses, and whatever its function raises."""
        if self._auth is None:
            raise ChannelRefused(channel.name, "it needs auth: an App, the URL of an endpoint, or a function")
        try:
            if is_encrypted(channel.name):
                need_encryption()
            async with self._asking:
                answer = await answer_of(self._auth(self._connection.socket_id, channel.name))
        except AuthRefused as error:
            raise ChannelRefused(channel.name, str(error), error.status) from error
        except EncryptionUnavailable as error:
            raise ChannelRefused(channel.name, str(error)) from error
        if is_encrypted(channel.name):
            try:
                channel.key = read_key(answer.get("shared_secret"))
            except ValueError as error:
                raise ChannelRefused(channel.name, str(error)) from error
        return answer

    async def _authorized(self, channel: SubscribedChannel) -> AuthAnswer:
        """The answer; where there was a subscription before, what fails for now is tried again while the connection
        holds: the application may be restarting as well."""
        attempt = 0
        while True:
            try:
                return await self.ask(channel)
            except ChannelRefused:
                raise
            except Exception as error:  # the function is the application's, and may raise anything
                text = str(error) or type(error).__name__
                if not channel.was_confirmed:
                    raise ChannelRefused(channel.name, text) from error
                attempt += 1
                _log.warning(
                    "auth of a channel has failed, trying again",
                    extra={"channel": channel.name, "error": text},
                )
            await asyncio.sleep(backoff_delay_s(attempt))

    async def _know_me(self, channel: SubscribedChannel, answer: AuthAnswer) -> None:
        """Who the client is there: the application says it, or it is the user who has signed in."""
        member_id = decoded_member_id(answer.get("channel_data"))
        if member_id is None:
            await self._user.settled()
            member_id = self._user.id
        if member_id is None:
            raise ChannelRefused(
                channel.name, "the answer of auth has no channel_data, and nobody is signed in"
            )
        channel.members.my_id = member_id
