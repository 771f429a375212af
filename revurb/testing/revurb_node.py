"""What synchronous tests have: a node and clients whose methods block. Any thread may call them."""

from __future__ import annotations

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


class RevurbNode(NodeCredentials):
    """A node that runs, as a fixture gives it: where it is, what it was told to publish, and clients of it."""

    def __init__(self, node: RecordingNode, thread: LoopThread) -> None:
        super().__init__(node)
        self._thread = thread
        self._client: RevurbClient | None = None

    @property
    def client(self) -> RevurbClient:
        """A client without a user, connected when it is first asked for."""
        if self._client is None:
            self._client = self.connect()
        return self._client

    def connect(
        self,
        user_id: str | None = None,
        *,
        user_info: Mapping[str, object] | None = None,
        encryption_master_key_base64: str | None = None,
    ) -> RevurbClient:
        """A further client, which is a user on presence channels and signs in as one where `user_id` is given.
        Encrypted channels need the key that the application's server SDK has, and `revurb[encryption]`."""
        key = encryption_master_key_base64
        client = self._thread.call(lambda: self._node.connect(user_id, user_info, key))
        return RevurbClient(client, self._thread)

    def trigger(self, channels: str | Iterable[str], event: str, data: object) -> None:
        """Publish an event, as the application does. Raises as `Server.trigger`."""
        self._thread.call(lambda: self._node.server.trigger(channels, event, data))

    def published(
        self, event: str, *, channel: str | None = None, data: Any = ANY, timeout_s: float = 2.0
    ) -> SentEvent:
        """The first such event that the application has published in this test, or does within `timeout_s`. `data` is
        the decoded value, or a function of it that tells whether it is right. Raises AssertionError without one."""
        __tracebackhide__ = True
        return _asserted(self._thread, lambda: self._node.published(event, channel, data, timeout_s))

    def not_published(self, event: str, *, channel: str | None = None, data: Any = ANY) -> None:
        """Raises AssertionError if the application has published such an event in this test."""
        __tracebackhide__ = True
        _asserted(self._thread, lambda: self._node.not_published(event, channel, data))

    def channels(self, prefix: str = "") -> dict[str, ChannelInfo]:
        """The channels with subscribers."""
        return self._thread.call(lambda: self._node.server.channels(prefix))

    def users(self, channel: str) -> list[str | int]:
        """The ids of the users on a presence channel."""
        return self._thread.call(lambda: self._node.server.users(channel))

    def terminate(self, user_id: str | int) -> None:
        """End all connections of a user."""
        self._thread.call(lambda: self._node.server.terminate(user_id))

    def reset(self) -> None:
        """Forget what was published, and end the clients. The fixture does it before each test."""
        self._client = None
        self._thread.call(self._node.reset)


class RevurbClient:
    """A client of the node, connected."""

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

    def subscribe(self, *channels: str) -> None:
        """Returns when the node has confirmed all. Raises ChannelRefused, and ValueError for what cannot be signed."""
        for channel in channels:
            self._thread.call(partial(self._recording.subscribe, channel))

    def unsubscribe(self, channel: str) -> None:
        """Leave a channel."""
        self._thread.call(lambda: self._recording.unsubscribe(channel))

    def sign_in(self) -> None:
        """Become one of the user's connections. Raises UserRefused, or ValueError without a user."""
        self._thread.call(self._recording.sign_in)

    def trigger(self, channel: str, event: str, data: object) -> None:
        """Send a client event to the others on a channel. Raises LookupError where this client is not on it."""
        self._thread.call(lambda: self._recording.trigger(channel, event, data))

    def members(self, channel: str) -> dict[str, Any]:
        """What the application says of each member of a presence channel, by id. Raises LookupError as `trigger`."""
        return self._recording.members(channel)

    def received(
        self, event: str, *, channel: str | None = None, data: Any = ANY, timeout_s: float = 2.0
    ) -> Event:
        """The first such event that this client has received, or does within `timeout_s`. `data` as in
        `RevurbNode.published`. Raises AssertionError without one."""
        __tracebackhide__ = True
        return _asserted(self._thread, lambda: self._recording.received(event, channel, data, timeout_s))

    def not_received(self, event: str, *, channel: str | None = None, data: Any = ANY) -> None:
        """Raises AssertionError if this client has received such an event. What the node had accepted before has come
        by then: no waiting is needed."""
        __tracebackhide__ = True
        _asserted(self._thread, lambda: self._recording.not_received(event, channel, data))

    def close(self) -> None:
        """End the connection; the fixture does it at the end of the test."""
        self._thread.call(self._recording.close)


def _asserted(thread: LoopThread, main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The result of an assertion on the node's loop."""
    __tracebackhide__ = True
    try:
        return thread.call(main)
    except AssertionError as error:
        # The line of the test says it all; how it was found out does not matter to who reads it.
        raise error.with_traceback(None) from None
