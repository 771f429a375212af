"""What several messages of the channel have in common: the application, and the mark of a Revurb node."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from revurb.bus.reverb import php
from revurb.bus.reverb.php_json import UnreadableByPhp, quote
from revurb.bus.reverb.php_release import PhpRelease

ORIGIN = "revurb:"


class InvalidReverbMessage(ValueError):
    """Not a message that a Reverb node sends. `kind` is a word for what is wrong, one of a few."""

    def __init__(self, text: str, kind: str | None = None) -> None:
        super().__init__(text)
        self.kind = kind or text


class SentApplication(NamedTuple):
    """An application that came with a message. `release` is what it tells of its sender; None for nothing."""

    app_id: str
    release: PhpRelease | None


def read_application(text: str) -> SentApplication:
    """Read a serialised application. Raises php.InvalidPhpData and InvalidReverbMessage."""
    return application_of(php.read(text.encode()))


def application_of(value: php.PhpValue) -> SentApplication:
    """The application that was read. Raises InvalidReverbMessage."""
    if not isinstance(value, php.PhpObject) or value.class_name != php.APPLICATION:
        raise InvalidReverbMessage("not an application")
    app_id = value.properties.get("id")
    if not isinstance(app_id, str) or not app_id:
        raise InvalidReverbMessage("an application without an id")
    if "acceptClientEventsFrom" in value.properties:
        return SentApplication(app_id, PhpRelease.NEW)
    # PHP nodes send all of it; who sends less is another program, which tells nothing of them.
    return SentApplication(app_id, PhpRelease.UNCLEAR if "key" in value.properties else None)


@lru_cache(maxsize=1024)
def write_application(app_id: str) -> bytes:
    """The JSON string of the serialised application. Raises UnreadableByPhp."""
    try:
        return quote(serialize_application(app_id).decode()).encode()
    except UnicodeEncodeError as error:
        raise UnreadableByPhp(str(error)) from error


def serialize_application(app_id: str) -> bytes:
    """The application with its id only. PHP nodes need nothing else of it (captured), and the secret is not sent.
    Raises UnicodeEncodeError."""
    return php.write_object(php.APPLICATION, {"id": php.write(app_id)})


@lru_cache(maxsize=16)
def write_origin(node: str) -> bytes:
    """The mark by which Revurb nodes skip what others of them send to PHP nodes."""
    return b'"origin":' + quote(ORIGIN + node).encode()
