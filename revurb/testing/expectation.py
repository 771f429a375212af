"""The event that an assertion waits for, and what it says where there is none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

SHOWN_EVENTS = 20
SHOWN_CHARS = 200


class _Any:
    def __repr__(self) -> str:
        return "anything"


ANY: Final[Any] = _Any()


class HeldEvent(Protocol):
    """An event that was published or received."""

    @property
    def event(self) -> str: ...
    @property
    def data(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Expectation:
    """An event of a name, on a channel if that is given. `data` is the value that its text is the JSON of, or a
    function that takes this value and returns whether it is the one."""

    event: str
    channel: str | None = None
    data: Any = ANY

    def is_met(self, held: HeldEvent, channels: Sequence[str]) -> bool:
        """Whether `held`, on `channels`, is such an event."""
        if held.event != self.event or (self.channel is not None and self.channel not in channels):
            return False
        if self.data is ANY:
            return True
        value = decoded(held.data)
        if callable(self.data):
            is_right: Callable[[Any], object] = self.data
            return bool(is_right(value))
        return bool(value == self.data)

    def __str__(self) -> str:
        text = self.event
        if self.channel is not None:
            text += f" on {self.channel}"
        if self.data is not ANY:
            text += f" with {self.data if callable(self.data) else _cut(json.dumps(self.data, default=repr))}"
        return text


def decoded(text: str) -> Any:
    """The value of a JSON text; what is none stays a text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def described(events: Iterable[tuple[Sequence[str], HeldEvent]]) -> str:
    """The last events, a line for each: their channels, name and data."""
    lines = [f"  {held.event} on {', '.join(channels)}: {_cut(held.data)}" for channels, held in events]
    if not lines:
        return "nothing"
    left_out = len(lines) - SHOWN_EVENTS
    first = [f"  ({left_out} more before)"] if left_out > 0 else []
    return "\n".join(["", *first, *lines[-SHOWN_EVENTS:]])


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}..."
