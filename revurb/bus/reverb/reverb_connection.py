"""One connection of a bridge to Redis, from connecting until something breaks.

It counts the PHP nodes. Every bridge subscribes, in one command, to the PHP nodes' channel and to a channel to which
only bridges subscribe. The number of PHP nodes is the difference of the two subscriber counts, which Redis gives
together (PUBSUB NUMSUB). A bridge that dies disappears from both at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from redis.asyncio import Redis

from revurb.bus.redis.cancellation import cancel_and_wait, run_to_end
from revurb.bus.redis.command_queue import CommandQueue, RedisUnavailable
from revurb.bus.redis.receiving_gate import ReceivingGate
from revurb.bus.redis.scripts import Scripts
from revurb.bus.redis.sharded_listener import listener
from revurb.bus.redis.shared_redis import SharedRedis

POLL_S = 0.25  # between two counts of the PHP nodes; one that publishes is counted at once
SILENT_AFTER_S = 8.0  # without anything received, not even what is published to the own inbox


class ReverbChannels(NamedTuple):
    """Redis channels: that of the PHP nodes, that of all bridges, and that of this bridge alone."""

    php: str
    bridges: str
    inbox: str

    @classmethod
    def of(cls, channel: str, node: str) -> ReverbChannels:
        """Those of a node. They are not below the prefix: nodes of several clusters may share one channel with PHP
        nodes."""
        return cls(channel, f"revurb:bridges:{channel}", f"revurb:bridge:{node}")


def count_php_nodes(numsub: Sequence[Any]) -> int:
    """The PHP nodes, from what PUBSUB NUMSUB says of their channel and that of the bridges."""
    return max(0, int(numsub[1]) - int(numsub[3]))


class ReverbConnection:
    """Made with a new client, which it closes at its end. Receives while `gate` is open.

    `on_up` is called when the channels are subscribed to. `on_php_message` gets everything that is published on the PHP
    nodes' channel, also before `on_up`. `on_php_nodes` gets the number of PHP nodes every POLL_S seconds.
    """

    def __init__(
        self,
        redis: Redis | SharedRedis,
        channels: ReverbChannels,
        gate: ReceivingGate,
        *,
        on_up: Callable[[], None],
        on_php_message: Callable[[bytes], None],
        on_php_nodes: Callable[[int], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._redis = redis
        self._channels = channels
        self._gate = gate
        self._php_channel = channels.php.encode()
        self._on_up = on_up
        self._on_php_message = on_php_message
        self._on_php_nodes = on_php_nodes
        self._broken: asyncio.Future[None] = self._loop.create_future()
        self._received_at = 0.0
        self._listener = listener(redis, self, gate)
        self.commands = CommandQueue(redis, Scripts(), channels.bridges, self._break_off)

    async def run(self) -> None:
        """Connect, and work until something breaks. Raises RedisUnavailable at its end, which says what."""
        polling: asyncio.Task[None] | None = None
        try:
            if isinstance(self._redis, SharedRedis):
                await self._redis.open()
            self.commands.start()
            try:
                await self._listener.open(self._channels)
            except RedisUnavailable:
                if self._broken.done():
                    await self._broken  # its error says more, for example that an ACL forbids it
                raise
            self._received_at = self._loop.time()
            self._on_up()
            polling = self._loop.create_task(self._poll())
            await self._broken
        finally:
            await run_to_end(self._close(polling))

    async def _close(self, polling: asyncio.Task[None] | None) -> None:
        self._broken.cancel()
        await cancel_and_wait(polling)
        await self.commands.stop()
        await self._listener.close()
        await self._redis.aclose()

    async def leave(self) -> None:
        """Unsubscribe, and wait until everything received before is handled and everything sent is done."""
        self._listener.unsubscribe(self._channels.php)
        self._listener.unsubscribe(self._channels.bridges)
        handled = asyncio.Event()
        # Redis confirms this subscription behind everything that it has sent before.
        self._listener.subscribe(f"{self._channels.inbox}:end", handled.set)
        await handled.wait()
        await self.commands.flush()

    def answer(self, key: str, before: bytes, payload: bytes, after: bytes) -> None:
        """Publish an answer on the PHP nodes' channel: `before`, the `payload` and `after`. With the processes that
        share the connections it is one."""
        if isinstance(self._redis, SharedRedis):
            self._redis.publish_for_host(self._channels.php, key, before, payload, after)
        else:
            self.commands.run_command("PUBLISH", self._channels.php, b"".join((before, payload, after)))

    def count_php_nodes(self, then: Callable[[int], None]) -> None:
        """Ask Redis how many PHP nodes are subscribed; `then` gets the number."""

        def counted(reply: Any) -> None:
            then(count_php_nodes(reply))

        self.commands.run_command(
            "PUBSUB", "NUMSUB", self._channels.php, self._channels.bridges, done=counted
        )

    # What the listener calls (`PubSubHandler`).

    def on_message(self, channel: bytes, data: bytes) -> None:
        self._received_at = self._loop.time()
        if channel == self._php_channel:
            self._on_php_message(data)

    def on_lost(self, error: RedisUnavailable) -> None:
        self._break_off(error)

    def _break_off(self, error: RedisUnavailable) -> None:
        if not self._broken.done():
            self._broken.set_exception(error)
            self._broken.exception()  # asyncio complains about one that nobody retrieves, as `run` if it is cancelled

    async def _poll(self) -> None:
        """Count the PHP nodes periodically, and end a connection on which nothing comes back."""
        while True:
            self.count_php_nodes(self._on_php_nodes)
            if self._gate.is_closed:
                self._received_at = self._loop.time()  # it is we who do not listen
            silent_s = self._loop.time() - self._received_at
            if silent_s > SILENT_AFTER_S / 4:
                self.commands.run_command("PUBLISH", self._channels.inbox, b"")
            await asyncio.sleep(POLL_S)
            if silent_s > SILENT_AFTER_S:
                self._break_off(RedisUnavailable(f"nothing has come back for {SILENT_AFTER_S:.0f} s"))
                return
