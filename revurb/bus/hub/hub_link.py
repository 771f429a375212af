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
from revurb.bus.hub.framing import FramingError, Unpacker, pack

_log = logging.getLogger(__name__)

RETRY_FIRST_S = 0.02
RETRY_MOST_S = 0.25  # a try takes 50 us, and a hub that takes over waits for everyone
BEAT_S = 1.0
READ_BYTES = 256 * 1024
SILENT_BEATS = 5  # a broker that lives answers each


class HubLink(asyncio.Protocol):
    """Keeps one connection to the Unix socket at `path`, from `start` to `stop`. The broker hears from it every
    `beat_s`, which has to be well below its lease."""

    name = "hub"

    def __init__(self, path: str, end: BrokerLinkOwner, beat_s: float = BEAT_S) -> None:
        self._beat_s = beat_s
        self._path = path
        self._end = end
        self._transport: asyncio.Transport | None = None
        self._spare_fd = -1  # of the same connection
        self._unpacker = Unpacker()
        self._lost = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.refused = 0  # messages that made no sense
        self._stopped = False
        self._heard_at = 0.0
        self._beat_at = 0.0
        self._beats: HeartbeatLag | None = None  # of the connection

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
            self._transport.write(pack(message))

    def tick(self, now: float) -> None:
        """To be called a few times a second: finds out whether the broker still answers."""
        if self._transport is None or self._beats is None or now < self._beat_at + self._beat_s:
            return
        self._beat_at = now
        if now - self._heard_at > SILENT_BEATS * self._beat_s:
            _log.error("the hub does not answer", extra={"silent_s": round(now - self._heard_at, 1)})
            self._transport.abort()
        else:
            self._beats.send(time.monotonic())
            self.send(m.HeartbeatRequest())

    def lag_s(self, now: float) -> float | None:
        """How far behind the hub this worker hears."""
        return None if self._beats is None else self._beats.lag_s(now)

    def partition_of(self, app_id: str, channel: str) -> int:
        return 0

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._spare_fd = os.dup(transport.get_extra_info("socket").fileno())
        self._unpacker = Unpacker()
        self._heard_at = self._beat_at = asyncio.get_running_loop().time()
        self._beats = HeartbeatLag(time.monotonic())
        self._end.linked()

    def data_received(self, data: bytes) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        try:
            bodies = self._unpacker.feed(data)
        except FramingError as error:
            _log.error("the hub speaks nonsense", extra={"error": str(error)})
            if self._transport is not None:
                self._transport.abort()
            return
        self._end.take(self._read(bodies))

    def _read_what_is_left(self) -> None:
        """A loop that finds out by writing that the peer has died closes the connection with all that has come and is
        not read yet: events that the hub has said to have sent. The other descriptor still has them."""
        fd, self._spare_fd = self._spare_fd, -1
        try:
            while not self._stopped and (data := os.read(fd, READ_BYTES)):
                self.data_received(data)
        except OSError:
            pass  # nothing more, of a peer that lives
        finally:
            os.close(fd)

    def _read(self, bodies: list[bytes]) -> Iterator[m.FromBroker]:
        for body in bodies:
            try:
                message = m.read_from_broker(body)
            except (msgspec.MsgspecError, RecursionError):
                self.refused += 1
                continue
            if isinstance(message, m.HeartbeatReply) and self._beats is not None:
                self._beats.came_back(time.monotonic())
            yield message

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._read_what_is_left()
        self._lost.set()
        if not self._stopped:
            self._end.unlinked()

    async def _stay_connected(self) -> None:
        loop = asyncio.get_running_loop()
        retry_s = RETRY_FIRST_S
        while True:
            self._lost.clear()
            try:
                await loop.create_unix_connection(lambda: self, self._path)
            except OSError:
                await asyncio.sleep(retry_s * random.uniform(0.5, 1))
                retry_s = min(retry_s * 2, RETRY_MOST_S)
            else:
                retry_s = RETRY_FIRST_S
                await self._lost.wait()
