"""A worker's connection to the hub: opened, watched, and reopened whenever it is lost.

Events, and replies that have a place among them, come through the log of the host instead, whether the hub is there or
not. What is in the log goes ahead of what comes on the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Iterator
from typing import cast

import msgspec

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.broker_link import BrokerLinkOwner
from revurb.bus.brokered.heartbeat_lag import HeartbeatLag
from revurb.bus.brokered.reconnect_backoff import ReconnectBackoff
from revurb.bus.hub.event_log import LogDescriptors
from revurb.bus.hub.framing import FramingError, MessageSplitter, encode_frame
from revurb.bus.hub.host_socket import connect_to_host, read_rest
from revurb.bus.hub.worker_log import WorkerLog
from revurb.pusher.facts import WantedFacts

_log = logging.getLogger(__name__)

RETRY_FIRST_S = 0.02
RETRY_MAX_S = 0.25  # a try takes 50 us, and a hub that replaces another waits for all workers
HEARTBEAT_S = 1.0
FULL_BYTES = 1024 * 1024  # unsent; then events and reports wait in the bus
MAX_UNSENT_BYTES = 16 * 1024 * 1024  # for the messages that do not wait: 100,000 subscriptions
MAX_MISSED_HEARTBEATS = 5  # a broker that is alive answers each


class HubLink(asyncio.Protocol):
    """A `revurb.bus.brokered.broker_link.BrokerLink` to the Unix socket at `address`: a path, or "@" and the name of a
    socket that has no file, and to the log behind `descriptors`. It sends a heartbeat every `heartbeat_s`, which has to
    be well below the broker's lease."""

    name = "hub"
    confirms_changes = True
    holds_counts = False  # a report takes 10 us

    def __init__(
        self,
        address: str,
        descriptors: LogDescriptors,
        owner: BrokerLinkOwner,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self.log = WorkerLog(descriptors, owner.receive, owner.deliver, lambda: self.send(m.MuchAppended()))
        self._heartbeat_s = heartbeat_s
        self._address = address
        self._is_served = False  # whether a hub has taken the connection
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        self._duplicate_fd = -1  # a duplicate of the connection's descriptor
        self._splitter = MessageSplitter()
        self._disconnected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.is_full = False
        self._invalid_messages = 0
        self._stopped = False
        self._received_at = 0.0
        self._heartbeat_at = 0.0
        self._lag: HeartbeatLag | None = None  # of the connection

    def start(self) -> None:
        """Connect in the background. Raises OSError if the log has no room for this process."""
        self.log.start()
        self._task = asyncio.get_running_loop().create_task(self._stay_connected())

    async def stop(self) -> None:
        """Disconnect when everything is sent."""
        if self._task is not None:
            self._stopped = True
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._transport is not None:
            self._transport.close()
        self.log.stop()

    @property
    def token(self) -> int:
        """The name by which the hub addresses replies in the log."""
        return self.log.token

    @property
    def invalid_messages(self) -> int:
        """Messages that could not be used."""
        return self._invalid_messages + self.log.invalid_messages

    def send(self, message: m.FromWorker) -> None:
        """Send a message; does nothing while there is no connection. A hub that takes none is dropped: what it has not
        answered is sent to it again, or to the next one."""
        if self._transport is None:
            return
        if self.is_full and self._transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            if not self._transport.is_closing():
                _log.error(
                    "the hub takes nothing, its connection is closed", extra={"bytes": MAX_UNSENT_BYTES}
                )
                self._transport.abort()
            return
        self._transport.write(encode_frame(message))

    def tick(self, now: float) -> None:
        """Send a heartbeat if one is due, and drop a connection on which nothing comes back. To be called a few times a
        second."""
        self.log.tick()
        if self._transport is None or not self._is_served or self._lag is None:
            return
        if now < self._heartbeat_at + self._heartbeat_s:
            return
        self._heartbeat_at = now
        if now - self._received_at > MAX_MISSED_HEARTBEATS * self._heartbeat_s:
            _log.error("the hub does not answer", extra={"silent_s": round(now - self._received_at, 1)})
            self._transport.abort()
        else:
            self._lag.sent(time.monotonic())
            self.send(m.HeartbeatRequest())

    def tell_facts(self, wanted: WantedFacts) -> None:
        """Does nothing: the hub makes the facts."""

    def has_place(self, app_id: str, limit: int | None, count: int) -> bool:
        """Nothing is lent: the hub is asked."""
        return limit is None

    def released(self, app_id: str, count: int) -> None:
        """Does nothing: it is reported as any other change."""

    def hold_receiving(self, is_held: bool) -> None:
        """Leave what comes in the log while `is_held`."""
        self.log.hold(is_held)

    def lag_s(self, now: float) -> float | None:
        """How far this worker is behind the hub in receiving."""
        return None if self._lag is None else self._lag.lag_s(now)

    def partition_of(self, app_id: str, channel: str) -> int:
        """The only one: the hub has one order for all events."""
        return 0

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transport does not inherit from it
        self._transport.set_write_buffer_limits(FULL_BYTES, FULL_BYTES // 4)
        self.is_full = False
        self._duplicate_fd = os.dup(transport.get_extra_info("socket").fileno())
        self._splitter = MessageSplitter()
        self._received_at = self._heartbeat_at = asyncio.get_running_loop().time()
        self._lag = HeartbeatLag(time.monotonic())
        if not self._address.startswith("@"):
            self._begin()

    def _begin(self) -> None:
        """A hub serves the connection."""
        self._is_served = True
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
        self.log.read()
        self._owner.receive(self._decode(bodies))

    def pause_writing(self) -> None:
        self.is_full = True
        self._owner.filled()

    def resume_writing(self) -> None:
        self.is_full = False
        self._owner.has_room()

    def _decode(self, bodies: list[bytes]) -> Iterator[m.FromBroker]:
        for body in bodies:
            try:
                message = m.read_from_broker(body)
            except (msgspec.MsgspecError, RecursionError):
                self._invalid_messages += 1
                continue
            if isinstance(message, m.HubReady):
                if not self._is_served:
                    self._begin()
                continue
            if isinstance(message, m.HeartbeatReply) and self._lag is not None:
                self._lag.returned(time.monotonic())
            yield message

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.is_full = False
        self.log.read()
        read_rest(self._duplicate_fd, self.data_received, lambda: not self._stopped)
        was_served, self._is_served = self._is_served, False
        self._disconnected.set()
        if was_served and not self._stopped:
            self._owner.unlinked()

    async def _stay_connected(self) -> None:
        backoff = ReconnectBackoff(RETRY_FIRST_S, RETRY_MAX_S)
        while True:
            self._disconnected.clear()
            try:
                await connect_to_host(self._address, lambda: self)
            except OSError:
                await asyncio.sleep(backoff.next_s())
            else:
                backoff.reset()
                await self._disconnected.wait()
