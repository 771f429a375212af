"""What asynchronous tests have: the same as synchronous ones, to be awaited on any loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar

from revurb.node.channel_info import ChannelInfo
from revurb.node.loop_thread import LoopThread
from revurb.node.recorded_events import SentEvent
from revurb.pusher_client import Event
from revurb.testing.expectation import ANY
from revurb.testing.node_credentials import NodeCredentials
from revurb.testing.recording_client import RecordingClient
from revurb.testing.recording_node import RecordingNode

T = TypeVar("T")


class AsyncRevurbNode(NodeCredentials):
    """The node for tests with an event loop: its methods are those of a blocking one, and do not hold that loop up."""

    def __init__(self, node: RecordingNode, thread: LoopThread) -> None:
        super().__init__(node)
        self._thread = thread

    async def connect(
        self,
        user_id: str | None = None,
        *,
        user_info: Mapping[str, object] | None = None,
        encryption_master_key_base64: str | None = None,
    ) -> AsyncRevurbClient:
        """As the method of the same name in revurb_node.py."""
        key = encryption_master_key_base64
        client = await _elsewhere(self._thread, lambda: self._node.connect(user_id, user_info, key))
        return AsyncRevurbClient(client, self._thread)

    async def trigger(self, channels: str | Iterable[str], event: str, data: object) -> None:
        """Publish an event, as the application does. Raises as `Server.trigger`."""
        await _elsewhere(self._thread, lambda: self._node.server.trigger(channels, event, data))

    async def published(
        self, event: str, *, channel: str | None = None, data: Any = ANY, timeout_s: float = 2.0
    ) -> SentEvent:
        """As the method of the same name in revurb_node.py."""
        __tracebackhide__ = True
        return await _elsewhere(self._thread, lambda: self._node.published(event, channel, data, timeout_s))

    async def not_published(self, event: str, *, channel: str | None = None, data: Any = ANY) -> None:
        """As the method of the same name in revurb_node.py."""
        __tracebackhide__ = True
        await _elsewhere(self._thread, lambda: self._node.not_published(event, channel, data))

    async def channels(self, prefix: str = "") -> dict[str, ChannelInfo]:
        """The channels with subscribers."""
        return await _elsewhere(self._thread, lambda: self._node.server.channels(prefix))

    async def users(self, channel: str) -> list[str | int]:
        """The ids of the users on a presence channel."""
        return await _elsewhere(self._thread, lambda: self._node.server.users(channel))

    async def terminate(self, user_id: str | int) -> None:
        """End all connections of a user."""
        await _elsewhere(self._thread, lambda: self._node.server.terminate(user_id))


class AsyncRevurbClient:
    """A client for tests with an event loop."""

    def __init__(self, client: RecordingClient, thread: LoopThread) -> None:
        self._recording = client
        self._thread = thread

    @property
    def socket_id(self) -> str:
        """The id of the connection, for triggers that leave it out."""
        return self._recording.socket_id

    @property
    def events(self) -> list[Event]:
        """All that was received until now, the protocol's own events too."""
        return list(self._recording.events)

    async def subscribe(self, *channels: str) -> None:
        """Returns when the node has confirmed all. Raises as there."""
        for channel in channels:
            await _elsewhere(self._thread, partial(self._recording.subscribe, channel))

    async def unsubscribe(self, channel: str) -> None:
        """Leave a channel."""
        await _elsewhere(self._thread, lambda: self._recording.unsubscribe(channel))

    async def sign_in(self) -> None:
        """Become one of the user's connections. Raises UserRefused, or ValueError without a user."""
        await _elsewhere(self._thread, self._recording.sign_in)

    async def trigger(self, channel: str, event: str, data: object) -> None:
        """Send a client event to the others on a channel. Raises LookupError where this client is not on it."""
        await _elsewhere(self._thread, lambda: self._recording.trigger(channel, event, data))

    def members(self, channel: str) -> dict[str, Any]:
        """As the method of the same name in revurb_node.py."""
        return self._recording.members(channel)

    async def received(
        self, event: str, *, channel: str | None = None, data: Any = ANY, timeout_s: float = 2.0
    ) -> Event:
        """As the method of the same name in revurb_node.py."""
        __tracebackhide__ = True
        return await _elsewhere(
            self._thread, lambda: self._recording.received(event, channel, data, timeout_s)
        )

    async def not_received(self, event: str, *, channel: str | None = None, data: Any = ANY) -> None:
        """As the method of the same name in revurb_node.py."""
        __tracebackhide__ = True
        await _elsewhere(self._thread, lambda: self._recording.not_received(event, channel, data))

    async def close(self) -> None:
        """End the connection; the fixture does it at the end of the test."""
        await _elsewhere(self._thread, self._recording.close)


async def _elsewhere(thread: LoopThread, main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The result of a coroutine function on the node's loop, awaited on this one."""
    __tracebackhide__ = True
    try:
        return await asyncio.wrap_future(thread.submit(main))
    except AssertionError as error:
        # The line of the test says it all; how it was found out does not matter to who reads it.
        raise error.with_traceback(None) from None
