"""One channel of a client: its handlers, its members, its place in the history, and the events that wait for a loop.

Rules: what the server sends is handled in its order. A gap is told before the first event after it. A repeat is
seen by nobody. Events that come while nobody has bound a handler wait for the first handler or loop
(`consumer_queue.py`), so that none is lost between subscribing and binding.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any, Protocol

from revurb.pusher_client.channel_positions import ChannelPositions
from revurb.pusher_client.consumer_queue import Congestion, ConsumerQueue, Lost
from revurb.pusher_client.handler_table import Handler, HandlerTable, TaskSet
from revurb.pusher_client.member_list import ChannelMember, MemberList
from revurb.pusher_client.received_message import (
    DECRYPTION_FAILED,
    Event,
    ReceivedMessage,
    gap_event,
)
from revurb.pusher_client.secret_box import CannotDecrypt, decrypt, is_encrypted

OVERFLOW = "overflow"  # the reason of a gap: a handler or a loop is too slow
_INTERNAL = "pusher_internal:"
_PROTOCOL = (_INTERNAL, "pusher:")
CONFIRMED = ("pusher_internal:subscription_succeeded", "pusher:subscription_succeeded")
_CACHE = re.compile("(private-encrypted-|private-|presence-)?cache-")
_log = logging.getLogger(__name__)


def is_cache(channel: str) -> bool:
    """Whether it is a cache channel, which gives its last event to each new subscriber."""
    return _CACHE.match(channel) is not None


class ChannelPort(Protocol):
    """What a channel needs of its client."""

    tasks: TaskSet
    congestion: Congestion
    max_queued: int

    def tell(self, event: Event) -> None:
        """The handlers of the client."""

    async def send(self, event: str, data: object, channel: str | None = None) -> bool:
        """Returns whether there was a connection to send it on."""

    async def new_key(self, channel: SubscribedChannel) -> None:
        """Ask for the key of an encrypted channel again."""

    async def unsubscribe(self, name: str) -> None:
        """Leave the channel."""


class SubscribedChannel:
    """A channel, as `Client.subscribe` gives it. It stays the same over all connections, until `unsubscribe`.

    `bind` calls handlers; `async for event in channel` is a loop over the application's events and over
    `revurb:gap`. Two loops share the events: each gets some. `members` are those of a presence channel.
    """

    def __init__(self, name: str, port: ChannelPort) -> None:
        self.name = name
        self.members = MemberList()
        self.subscription_count: int | None = None
        self.is_subscribed = False
        # For the client.
        self.is_requested = False  # on this connection
        self.was_confirmed = False  # ever
        self.key: bytes | None = None
        self.positions = ChannelPositions(is_cache(name))
        self.waiters: list[asyncio.Future[None]] = []
        self._port = port
        self._is_iterated = False
        self._held: list[Event | Lost] | None = None  # what the first handlers get at the next turn
        self._inbox: ConsumerQueue[Event] = ConsumerQueue(port.max_queued)
        self._handlers: HandlerTable[Event] = HandlerTable(
            port.tasks, port.congestion, port.max_queued, lambda lost: self._gap(OVERFLOW, lost)
        )

    @property
    def me(self) -> ChannelMember | None:
        """Who this client is on a presence channel."""
        return self.members.me

    def bind(self, event: str, handler: Handler[Event]) -> None:
        """Call `handler` with each event of this name. Beside the application's events there are `revurb:gap`,
        `pusher:subscription_succeeded`, `pusher:subscription_error`, `pusher:member_added`, `pusher:member_removed`,
        `pusher:subscription_count`, `pusher:cache_miss` and `revurb:decryption_failed`."""
        self._handlers.bind(event, handler)
        self._release_soon()

    def bind_all(self, handler: Handler[Event]) -> None:
        """Call `handler` with every event."""
        self._handlers.bind(None, handler)
        self._release_soon()

    def unbind(self, event: str | None = None, handler: Handler[Event] | None = None) -> None:
        """Call no more: the handler, all of an event, or both at once; without either, all handlers."""
        self._handlers.unbind(event, handler)

    async def trigger(self, event: str, data: object) -> bool:
        """Whisper: send a client event to the other subscribers. Returns whether it was sent: False while there is no
        subscription, since a whisper that comes later is none. Raises ValueError for what no server forwards."""
        if not event.startswith("client-"):
            raise ValueError(f"event: found {event!r}; allowed: a name that begins with client-")
        if not self.name.startswith(("private-", "presence-")) or is_encrypted(self.name):
            raise ValueError(f"{self.name} has no client events; private- and presence- channels have")
        return self.is_subscribed and await self._port.send(event, data, self.name)

    async def unsubscribe(self) -> None:
        """Leave the channel; loops over it end."""
        await self._port.unsubscribe(self.name)

    def __aiter__(self) -> AsyncIterator[Event]:
        """Events, until the channel is left or the client is closed. Raises ConnectionRefused if the server has
        refused the connection for good."""
        if not self._is_iterated:
            self._is_iterated = True
            self._inbox.attach(self._port.congestion)
        return _ChannelEvents(self.name, self._inbox)

    # What the client calls.

    async def receive(self, message: ReceivedMessage, socket_id: str) -> None:
        """A message of the channel, on the connection `socket_id`."""
        reason = self.positions.gap_before(message)
        if reason is not None:
            self._gap(reason)
        name = message.event
        if name in CONFIRMED:
            self._confirmed(message, socket_id)
        elif name == "pusher_internal:member_added":
            if (member := self.members.add(message)) is not None:
                self._emit(self._member_event("pusher:member_added", member))
        elif name == "pusher_internal:member_removed":
            if (member := self.members.remove(message)) is not None:
                self._emit(self._member_event("pusher:member_removed", member))
        elif name == "pusher_internal:subscription_count":
            count = message.mapping().get("subscription_count")
            self.subscription_count = count if isinstance(count, int) else None
            self._emit(message.as_event("pusher:subscription_count"))
        elif name.startswith("pusher:"):
            if name != "pusher:resume_failed":  # told as a gap
                self._emit(message.as_event())
        elif not name.startswith(_INTERNAL):
            await self._receive_event(message, socket_id)

    def lost(self) -> None:
        """The connection is lost."""
        reason = self.positions.untold_gap()
        if reason is not None:
            self._gap(reason)
        self.positions.lost()
        self.is_subscribed = self.is_requested = False

    def refused(self, data: Mapping[str, object]) -> None:
        """A subscription that there was before is refused."""
        self._emit(Event("pusher:subscription_error", self.name, json.dumps(data)))

    def close(self, error: BaseException | None = None) -> None:
        """Nothing more comes."""
        self.is_subscribed = self.is_requested = False
        self._inbox.close(error)

    def _confirmed(self, message: ReceivedMessage, socket_id: str) -> None:
        self.is_subscribed = self.was_confirmed = True
        reason = self.positions.confirmed(message, socket_id)
        came, went = self.members.replace(message) if self.name.startswith("presence-") else ([], [])
        if reason is not None:
            self._gap(reason)
        self._emit(message.as_event("pusher:subscription_succeeded"))
        for member in went:
            self._emit(self._member_event("pusher:member_removed", member))
        for member in came:
            self._emit(self._member_event("pusher:member_added", member))

    async def _receive_event(self, message: ReceivedMessage, socket_id: str) -> None:
        if not self.positions.received(message, socket_id):
            return
        event = message.as_event()
        if is_encrypted(self.name):
            text = await self._decrypted(message)
            event = replace(event, data=text) if text is not None else replace(event, event=DECRYPTION_FAILED)
        self._emit(event)

    async def _decrypted(self, message: ReceivedMessage) -> str | None:
        """The text of an event; None if it cannot be read, even with a key that is asked for anew: the application
        may have changed it."""
        data = message.mapping()
        for has_new_key in (False, True):
            if self.key is not None:
                try:
                    return decrypt(self.key, data)
                except CannotDecrypt as error:
                    if has_new_key:
                        _log.error(
                            "an event cannot be decrypted", extra={"channel": self.name, "error": str(error)}
                        )
            if not has_new_key:
                await self._port.new_key(self)
        return None

    def _member_event(self, name: str, member: ChannelMember) -> Event:
        data = json.dumps({"user_id": member.id, "user_info": member.info}, ensure_ascii=False)
        return Event(name, self.name, data)

    def _gap(self, reason: str, lost: int | None = None) -> None:
        _log.warning(
            "events of a channel were missed", extra={"channel": self.name, "reason": reason, "lost": lost}
        )
        self._emit(gap_event(self.name, reason, lost))

    def _emit(self, event: Event) -> None:
        self._port.tell(event)
        if self._is_iterated or self._held is not None or not self._handlers:
            self._inbox.put(event)
        if self._held is not None:
            self._held.append(event)
        else:
            self._handlers.emit(event.event, event)

    def _release_soon(self) -> None:
        """Events that have waited for a handler come at the next turn: all handlers of a program are bound by then."""
        if len(self._inbox) and not self._is_iterated and self._held is None:
            self._held = self._inbox.waiting()
            asyncio.get_running_loop().call_soon(self._release)

    def _release(self) -> None:
        held, self._held = self._held or [], None
        if not self._is_iterated:  # a loop that has begun meanwhile gets them too
            self._inbox.drain()
        for item in held:
            event = gap_event(self.name, OVERFLOW, item.count) if isinstance(item, Lost) else item
            self._handlers.emit(event.event, event)


class _ChannelEvents:
    """A loop over the events of a channel."""

    def __init__(self, channel: str, inbox: ConsumerQueue[Event]) -> None:
        self._channel = channel
        self._inbox = inbox

    def __aiter__(self) -> _ChannelEvents:
        return self

    async def __anext__(self) -> Event:
        while True:
            item = await self._inbox.take()
            if isinstance(item, Lost):
                return gap_event(self._channel, OVERFLOW, item.count)
            if not item.event.startswith(_PROTOCOL):
                return item


def decoded_member_id(channel_data: Any) -> str | None:
    """The user id in the `channel_data` that an application has signed; None if there is none."""
    try:
        data = json.loads(channel_data) if isinstance(channel_data, str) else None
    except ValueError:
        return None
    return str(data["user_id"]) if isinstance(data, dict) and "user_id" in data else None
