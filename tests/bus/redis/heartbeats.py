"""Heartbeats over servers that the test speaks for: what is sent to them, and what comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, cast

from revurb.bus.redis.command_queue import CommandQueue, RedisUnavailable
from revurb.bus.redis.envelope import pack
from revurb.bus.redis.incoming_events import IncomingEvents
from revurb.bus.redis.invalid_values import InvalidValues
from revurb.bus.redis.keys import Keys, partition_of
from revurb.bus.redis.redis_heartbeat import (
    LogTails,
    RedisHeartbeat,
)
from revurb.bus.redis.refusals import UnusableValue
from revurb.bus.redis.scripts import RedisScript, Scripts
from revurb.bus.redis.topic_subscriptions import TopicSubscriptions
from revurb.pusher.ports import PublishedEvent

KEYS = Keys("revurb")
SCRIPTS = Scripts()
KEPT_MS = 60_000
CHANNEL = next(name for name in map(str, range(1000)) if partition_of("a", name) == 3)


class Servers:
    """In place of `CommandQueue`: answers every heartbeat. `ends` are those of the logs that are not empty."""

    def __init__(self) -> None:
        self.now_ms = 1_000_000
        self.ends: dict[str, bytes] = {}
        self.beaten: list[tuple[str, bytes]] = []  # channel, what came on it
        self.holds_replies = self.refuses = False
        self.asked_ends: list[str] = []  # of logs that are not those of the heartbeat's script
        self._held: list[Callable[[], None]] = []

    def ask_script(
        self, script: RedisScript, keys: Sequence[str], args: Sequence[Any]
    ) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.run_script(script, keys, args, future.set_result)
        return future

    def release(self) -> None:
        self.holds_replies = False
        for reply in self._held:
            reply()

    def run_script(
        self,
        script: RedisScript,
        keys: Sequence[str],
        args: Sequence[Any],
        done: Callable[[Any], None],
        failed: Callable[[UnusableValue], None] | None = None,
    ) -> None:
        if script is SCRIPTS.last_id:
            self.asked_ends.append(keys[0])
            done(self.ends.get(keys[0], b"0-0"))
            return
        assert script is SCRIPTS.heartbeat
        channel, number = args
        if self.refuses and failed is not None:
            failed(UnusableValue("a key of another type"))
            return
        reply = [b"%d" % self.now_ms, *(self.ends.get(key, b"0-0") for key in keys)]
        self.beaten.append((channel, b"%d " % number + b" ".join(reply)))
        if self.holds_replies:
            self._held.append(lambda: done(reply))
        else:
            done(reply)


class Process:
    """A node with heartbeats, and what they reported."""

    def __init__(self, split: bool, silent_after_s: float = 60.0, heartbeat_s: float = 0.01) -> None:
        self.servers = Servers()
        self.split = split
        self.server_of: Callable[[str], str] | None = None
        self.received: list[int] = []
        self.deaf: asyncio.Future[RedisUnavailable] = asyncio.get_running_loop().create_future()
        self.invalid, self.topics = InvalidValues(), TopicSubscriptions(KEYS, "n")
        self.topics.add("a", CHANNEL)
        self.incoming = IncomingEvents(
            self.topics, self.invalid, lambda number, envelope: self.received.append(envelope.seq)
        )
        self.heartbeat = RedisHeartbeat(
            "n",
            KEYS,
            self.incoming,
            self._is_deaf,
            self.invalid,
            kept_ms=KEPT_MS,
            heartbeat_s=heartbeat_s,
            silent_after_s=silent_after_s,
        )

    def _is_deaf(self, error: RedisUnavailable) -> None:
        if not self.deaf.done():
            self.deaf.set_result(error)

    def event(self, stream_id: bytes, seq: int) -> None:
        topic = self.topics.find("a", CHANNEL)
        assert topic is not None
        data = stream_id + b"\n" + pack("m", seq, PublishedEvent("a", CHANNEL, b"x"))
        self.incoming.receive_event(topic, b"channel", data)

    async def live(self, *, first: bool = False, served_s: float = 0.0, another: bool = False) -> bool:
        """Begin the next session of the link. Returns whether there was a gap."""
        await self.heartbeat.stop()
        self.incoming.reset(forget_positions=another)
        ends: list[LogTails] = await self.heartbeat.open(
            cast(CommandQueue, self.servers), SCRIPTS, self.split, self.server_of
        )
        return self.heartbeat.begin(
            ends,
            lambda channel: f"server of {channel}",
            served_s=served_s if first else None,
            is_new_redis=another,
        )

    async def beat(self, silent: str | None = None) -> None:
        """One heartbeat more is sent and comes back, on every channel but the silent one."""
        self.come_back(silent)
        while not self.servers.beaten:
            await asyncio.sleep(0.001)
        self.come_back(silent)

    def come_back(self, silent: str | None = None) -> None:
        """So do those that were sent already."""
        beaten, self.servers.beaten = self.servers.beaten, []
        for channel, data in beaten:
            if channel != silent and not data.startswith(b"0 "):  # which asks where the logs end
                self.heartbeat.on_message(channel.encode(), data)
