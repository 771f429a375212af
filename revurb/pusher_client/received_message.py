"""Messages of a server, and the events that handlers and iterators get.

A message is JSON: `event`, `data`, and where they apply `channel`, `user_id` and `id`. Most servers send `data` as
a text of JSON, client events of some come as plain JSON (Pusher docs, "Events"); an event has it as a text in both
cases.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

GAP = "revurb:gap"  # tells of events that were missed, or may have been
DECRYPTION_FAILED = "revurb:decryption_failed"


@dataclass(frozen=True, slots=True)
class Event:
    """One event, as an application sees it.

    `data` is the text that the server sent, usually JSON; of an encrypted channel, decrypted. `user_id` is that of
    the member who sent a client event on a presence channel; `id` the position in the history of the channel, if it
    has one.
    """

    event: str
    channel: str | None = None
    data: str = ""
    user_id: str | None = None
    id: str | None = None

    def json(self) -> Any:
        """The value in `data`. Raises ValueError if that is no JSON."""
        return json.loads(self.data)


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """One message, as it came: `data` is any JSON. `fields` has all of it."""

    event: str
    channel: str | None
    data: Any
    fields: dict[str, Any]

    @property
    def id(self) -> str | None:
        """The position in the history of the channel; None if the message has none."""
        return self._text("id")

    def value(self) -> Any:
        """What is in `data`, decoded if it is a text of JSON."""
        if not isinstance(self.data, str):
            return self.data
        try:
            return json.loads(self.data)
        except (ValueError, RecursionError):
            return self.data

    def mapping(self) -> dict[str, Any]:
        """What is in `data` if that is an object, else nothing."""
        value = self.value()
        return value if isinstance(value, dict) else {}

    def as_event(self, event: str = "") -> Event:
        """The event of the message, by another name if one is given."""
        return Event(
            event or self.event,
            self.channel,
            data_as_text(self.data),
            self._text("user_id"),
            self._text("id"),
        )

    def _text(self, name: str) -> str | None:
        value = self.fields.get(name)
        return value if isinstance(value, str) else None


def data_as_text(data: Any) -> str:
    """Data as an event has it: a text as it is, nothing as an empty one, anything else as JSON."""
    if isinstance(data, str):
        return data
    return "" if data is None else json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def read_message(text: str | bytes) -> ReceivedMessage:
    """The message in a WebSocket message. Raises ValueError if it is none."""
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise ValueError("found too deep a nesting") from error
    if not isinstance(value, dict) or not isinstance(value.get("event"), str):
        raise ValueError("found no event in it")
    channel = value.get("channel")
    return ReceivedMessage(
        value["event"], channel if isinstance(channel, str) else None, value.get("data"), value
    )


def gap_event(channel: str, reason: str, lost: int | None = None) -> Event:
    """Tells of a gap in the events of a channel; `lost` is how many are missing, if that is known."""
    data: dict[str, object] = {"reason": reason}
    if lost is not None:
        data["lost"] = lost
    return Event(GAP, channel, json.dumps(data))
