"""A connection that is given no more to do than it can be answered.

Input waits for its turn where it is more than a connection may have at once (`intake`), where more output waits than
may (the fanout is full), and where the peer has not taken the answers to what it sent before. Reading is paused
meanwhile; nothing is dropped, and nobody is closed for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from revurb._speedups.plain_connection import PlainConnection
from revurb.transport.connections import Connections
from revurb.transport.descriptor import descriptor_of
from revurb.transport.held_input import HeldInput
from revurb.transport.kernel_queue import Traffic, kernel_queue_bytes, traffic_bytes
from revurb.wire.websocket import WebSocket

MAX_REPLY_BYTES = 64 * 1024  # that the peer has not taken, before more of its messages are handled


class PacedConnection(PlainConnection, asyncio.Protocol):
    """The pace of a connection's input, and the way of its output. What becomes of input, a subclass says."""

    __slots__ = ()

    if TYPE_CHECKING:  # what the kernel keeps
        _connections: Connections
        _transport: asyncio.Transport
        _ws: WebSocket | None
        _held: HeldInput | None
        _awaits_drain: bool  # input waits until the peer has taken what it was sent

    # What the subclass implements.

    def _handle_input(self, data: bytes) -> None:
        raise NotImplementedError

    def _handle_messages(self, messages: Sequence[tuple[int, bytes]]) -> None:
        raise NotImplementedError

    @property
    def _is_blocked(self) -> bool:
        """Whether no input can be handled at present. `resume_input` is called when it can again."""
        raise NotImplementedError

    def _end_slow(self) -> None:
        """The peer does not keep up with what it is sent: close."""
        raise NotImplementedError

    def end_stalled(self) -> None:
        """The peer takes nothing, and more waits than may: close, or drop what is no WebSocket."""
        raise NotImplementedError

    # Input that waits for its turn.

    def _postpone(self, data: bytes) -> None:
        if self._held is None:
            self._hold(HeldInput(data))
            self._connections.intake.add(self)
        else:
            self._held.append(data)

    def _hold(self, held: HeldInput) -> None:
        self._held = held
        self._transport.pause_reading()

    def _await_drain(self, messages: Sequence[tuple[int, bytes]]) -> None:
        """Answer no more messages of a peer that has not taken the answers to those before: `messages` wait, and with
        them what comes after. What others send to it is sent all the same."""
        if self._held is None:
            self._hold(HeldInput(messages=messages))
        else:
            self._held.messages = messages
        self.flush()
        if self.transport_bytes > 1:  # not 0, which for TLS would be no limit at all
            self._awaits_drain = True
            self._transport.set_write_buffer_limits(high=1, low=0)
        else:
            self.reply_bytes = 0
            self._connections.intake.add(self)

    def _drained(self) -> None:
        self._awaits_drain = False
        self.reply_bytes = 0
        self.resume_input()

    def handle_slice(self) -> None:
        held = self._held
        if held is None or self._is_blocked:  # lost, or a request is being answered, since it was queued
            return
        if held.messages:
            self._handle_messages(held.take_messages())
        else:
            self._handle_input(held.take_slice())
        if self._held is not None and not self._is_blocked:
            self.resume_input()

    def resume_input(self) -> None:
        if self._held is None or self._held.is_empty:
            self._held = None
            self._transport.resume_reading()
        else:
            self._connections.intake.add(self)

    def _moved_at(self, now: float) -> float:
        """When a peer that is not read from, and so cannot be heard, was last known to be there."""
        return self._connections.buffers.moved_at(self) if self._awaits_drain else now

    # What the outbox calls, and what waits in the transport.

    def transport_is_empty(self) -> bool:
        return self.transport_bytes == 0

    def write_to_transport(self, frames: list[bytes | memoryview], /) -> None:
        transport = self._transport
        limit_bytes = self._connections.limits.max_queued_bytes + self.reply_bytes
        if not self._awaits_drain:
            # Set here and not when the connection opens: without TLS few ever have something waiting.
            transport.set_write_buffer_limits(high=limit_bytes)
        if len(frames) > 1 and transport.get_extra_info("sslcontext") is not None:
            transport.write(b"".join(frames))  # TLS copies each anyway, and makes a record of each write
        else:
            transport.writelines(frames)  # not joined: a frame that many share stays shared
        if self._awaits_drain and transport.get_write_buffer_size() > limit_bytes:
            self._end_slow()
        self._connections.buffers.note(self, self._connections.wheel.now, frames)

    @property
    def is_held_up(self) -> bool:
        """Whether input waits that its peer has sent."""
        return self._held is not None and not self._held.is_empty

    @property
    def transport_bytes(self) -> int:
        return self._transport.get_write_buffer_size()

    @property
    def unsent_bytes(self) -> int:
        return self.transport_bytes + kernel_queue_bytes(descriptor_of(self._transport))

    @property
    def ended_with(self) -> tuple[int, str]:
        """Close code and reason of a WebSocket that ends; 1006 where TCP has ended without (RFC 6455 7.1.5)."""
        ws = self._ws
        return (1006, "") if ws is None or ws.close_code is None else (ws.close_code, ws.close_reason)

    @property
    def traffic_bytes(self) -> Traffic | None:
        """What has gone over this connection so far, as far as the kernel knows."""
        return traffic_bytes(self._transport.get_extra_info("socket"))

    def _note_transport(self) -> None:
        self._connections.buffers.note(self, self._connections.wheel.now)
