"""Input of a connection that waits for its turn."""

from __future__ import annotations

from collections.abc import Sequence

from revurb.transport.intake import SLICE_BYTES


class HeldInput:
    """In order: `messages` that were cut out of the bytes before, then bytes. Reading is paused while there is one,
    even if it is empty."""

    __slots__ = ("_data", "messages")

    def __init__(self, data: bytes = b"", messages: Sequence[tuple[int, bytes]] = ()) -> None:
        self._data = memoryview(data)
        self.messages = messages

    @property
    def is_empty(self) -> bool:
        return not self.messages and not self._data

    def append(self, data: bytes) -> None:
        """Add what arrived although reading is paused: a transport with TLS may have decrypted more than was asked
        for."""
        self._data = memoryview(bytes(self._data) + data)

    def take_messages(self) -> Sequence[tuple[int, bytes]]:
        messages, self.messages = self.messages, ()
        return messages

    def take_slice(self) -> bytes:
        """The next bytes, at most SLICE_BYTES."""
        data = self._data
        self._data = data[SLICE_BYTES:]
        return bytes(data[:SLICE_BYTES])
