"""Reading request bodies: JSON objects, and what is wrong with their fields in Laravel's words.

SDKs and their users read these texts, so they are Reverb's to the letter. Nicer than Reverb: bad JSON is a 400 that
says where it broke (Reverb: 500); an empty `data` is data; null counts as absent.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson

from revurb.api.answers import bad_request

Body = dict[str, object]


def read_body(body: bytes) -> Body:
    """The JSON object in a body. An array counts as an object without fields, as in PHP. Else ApiError 400."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if not body:
            raise bad_request("The body is empty; expected a JSON object.") from error
        raise bad_request(f"The body is not valid JSON: {error}.") from error
    if isinstance(value, list):
        return {}
    if not isinstance(value, dict):
        raise bad_request("The body must be a JSON object.")
    return value


@dataclass(slots=True)
class Fields:
    """Takes typed fields out of a JSON object and collects what is wrong with them.

    `at` is put before each name in messages: `batch.0.` for the items of a batch.
    """

    source: Body
    at: str = ""
    problems: dict[str, list[str]] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """A string that must be there, "" is not one."""
        value = self.source.get(name)
        if value is None or value == "":
            self.refuse(name, "is required.")
        elif isinstance(value, str):
            return value
        else:
            self.refuse(name, "must be a string.")
        return ""

    def data(self, name: str) -> str:
        """A string that must be there and may be empty."""
        return "" if self.source.get(name) == "" else self.text(name)

    def optional_text(self, name: str) -> str | None:
        value = self.source.get(name)
        if value is None or isinstance(value, str):
            return value
        self.refuse(name, "must be a string.")
        return None

    def channels(self) -> list[str]:
        """`channels` (a list; an object's values count, as in PHP) or else `channel`, one of which must be there."""
        several, one = self.source.get("channels"), self.source.get("channel")
        if several is None or several == [] or several == {}:
            if one is None or one == "":
                self.refuse("channels", "is required when channel is not present.")
                self.refuse("channel", "is required when channels is not present.")
                return []
            several = [one] if isinstance(one, str) else None
            if several is None:
                self.refuse("channel", "must be a string.")
                return []
        elif isinstance(several, dict):
            several = list(several.values())
        elif not isinstance(several, list):
            self.refuse("channels", "must be an array.")
            return []
        if one is not None and not isinstance(one, str):
            self.refuse("channel", "must be a string.")
        # Numbers are taken for their digits, as PHP does; anything else cannot name a channel.
        names: list[str] = []
        for name in several:
            if isinstance(name, int) and not isinstance(name, bool):
                names.append(str(name))
            elif isinstance(name, str) and name:
                names.append(name)
            else:
                self.refuse("channels", "must be an array of channel names.")
        return names

    def only_channel(self) -> list[str]:
        """`channel` of an event in a batch, as a list of one."""
        one = self.source.get("channel")
        if one is None or one == "":
            self.refuse("channel", "is required when channels is not present.")
        elif isinstance(one, str):
            return [one]
        else:
            self.refuse("channel", "must be a string.")
        return []

    def refuse(self, name: str, what: str) -> None:
        # Laravel turns underscores into spaces, but not in the items of a list.
        key, shown = self.at + name, self.at + name if self.at else name.replace("_", " ")
        self.problems[key] = [f"The {shown} field {what}"]
