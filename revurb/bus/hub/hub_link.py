"""A worker's connection to the broker: made, watched, and made again for as long as it takes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import time
from collections.abc import Iterator
from typing import cast

import msgspec

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.broker_link import BrokerLinkOwner
from revurb.bus.brokered.heartbeat_lag import HeartbeatLag
from revurb.bus.hub.framing import FramingError, MessageSplitter, encode_frame

_log = logging.getLogger(__name__)

RETRY_FIRST_S = 0.02
RETRY_MAX_S = 0.25  # a try takes 50 us, and a hub that takes over waits for everyone
HEARTBEAT_S = 1.0
READ_BYTES = 256 * 1024
MAX_MISSED_HEARTBEATS = 5  # a broker that lives answers each


class HubLink(asyncio.Protocol):
    """Keeps one connection to the Unix socket at `path`, from `start` to `stop`. The broker hears from it every
    `beat_s`, which has to be well below its lease."""

    name = "hub"

    def __init__(self, path: str, owner: BrokerLinkOwner, heartbeat_s: float = HEARTBEAT_S) -> None:
        self._heartbeat_s = heartbeat_s
        self._path = path
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        self._duplicate_fd = -1  # of the same connection
        self._splitter = MessageSplitter()
        self._disconnected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.invalid_messages = 0  # messages that made no sense
        self._stopped = False
        self._received_at = 0.0
        self._heartbeat_at = 0.0
        self._lag: HeartbeatLag | None = None  # of the connection

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._stay_connected())

    async def stop(self) -> None:
        """Close, behind what has been sent."""
        if self._task is not None:
            self._stopped = True
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._transport is not None:
            self._transport.close()

    def send(self, message: m.FromWorker) -> None:
        """Send, if there is a connection."""
        if self._transport is not None:
            self._transport.write(encode_frame(message))

    def tick(self, now: float) -> None:
        """To be called a few times a second: finds out whether the broker still answers."""
        if self._transport is None or self._lag is None or now < self._heartbeat_at + self._heartbeat_s:
            return
        self._heartbeat_at = now
        if now - self._received_at > MAX_MISSED_HEARTBEATS * self._heartbeat_s:
            _log.error("the hub does not answer", extra={"silent_s": round(now - self._received_at, 1)})
            self._transport.abort()
        else:
            self._lag.sent(time.monotonic())
            self.send(m.HeartbeatRequest())

    def lag_s(self, now: float) -> float | None:
        """How far behind the hub this worker hears."""
        return None if self._lag is None else self._lag.lag_s(now)

    def partition_of(self, app_id: str, channel: str) -> int:
        return 0

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._duplicate_fd = os.dup(transport.get_extra_info("socket").fileno())
        self._splitter = MessageSplitter()
        self._received_at = self._heartbeat_at = asyncio.get_running_loop().time()
        self._lag = HeartbeatLag(time.monotonic())
        self._owner.linked()

    def data_received(self, data: bytes) -> None:
        self._received_at = asyncio.get_running_loop().time()
        try:
            bodies = self._splitter.feed(data)
        except FramingError as error:
            _log.error("the hub speaks nonsense", extra={"error": str(error)})
            if self._transport is not None:
                self._transport.abort()
            return
        self._owner.receive(self._decode(bodies))

    def _read_remaining(self) -> None:
        """A loop that finds out by writing that the peer has died closes the connection with all that has come and is
        not read yet: events that the hub has said to have sent. The other descriptor still has them."""
        fd, self._duplicate_fd = self._duplicate_fd, -1
        try:
            while not self._stopped and (data := os.read(fd, READ_BYTES)):
                self.data_received(data)
        except OSError:
            pass  # nothing more, of a peer that lives
        finally:
            os.close(fd)

    def _decode(self, bodies: list[bytes]) -> Iterator[m.FromBroker]:
        for body in bodies:
            try:
                message = m.read_from_broker(body)
            except (msgspec.MsgspecError, RecursionError):
                self.invalid_messages += 1
                continue
            if isinstance(message, m.HeartbeatReply) and self._lag is not None:
                self._lag.returned(time.monotonic())
            yield message

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._read_remaining()
        self._disconnected.set()
        if not self._stopped:
            self._owner.unlinked()

    async def _stay_connected(self) -> None:
        loop = asyncio.get_running_loop()
        retry_s = RETRY_FIRST_S
        while True:
            self._disconnected.clear()
            try:
                await loop.create_unix_connection(lambda: self, self._path)
            except OSError:
                await asyncio.sleep(retry_s * random.uniform(0.5, 1))
                retry_s = min(retry_s * 2, RETRY_MAX_S)
            else:
                retry_s = RETRY_FIRST_S
                await self._disconnected.wait()
