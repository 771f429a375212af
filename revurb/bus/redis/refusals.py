"""Why Redis refused a command: the server, which will refuse every other command too, or a value, which concerns this
command alone."""

from __future__ import annotations

import os
import re

from redis.exceptions import ResponseError

# Not writable, no memory, no permission, and so on. redis-py has types for some of them. Redis before 7 gives the error
# of a command within a script as text behind "-".
_OF_SERVER = re.compile(
    r"(?:^|-| )"
    r"(READONLY|OOM|LOADING|NOPERM|NOAUTH|WRONGPASS|MASTERDOWN|CLUSTERDOWN|MISCONF|NOREPLICAS|BUSY|UNKILLABLE)\b"
)
_OF_VALUE = re.compile(
    r"WRONGTYPE|not an integer|not a valid float|would overflow|last possible ID|equal or smaller than the target"
    r"|user_script:\s?\d+:"
)

# `Connect call failed ('::1', 6379, 0, 0)` of asyncio, which leaves the reason to the number before it, and
# `(104, 'Connection reset by peer')` of redis-py. asyncio has several of the former where a name has several addresses.
_SYSTEMS = re.compile(
    r"Error (?P<number>\d+) connecting to (?P<peer>\S+)\. Connect call failed \(.*?\)\.?"
    r"|: \(\d+, '(?P<text>[^']*)'\)"
    r"|Multiple exceptions: .*Connect call failed \(.*\)"
)


class UnusableValue(Exception):
    """A value in Redis that a command needs cannot be used; the text says why."""


def is_of_value(error: Exception) -> bool:
    """Whether another command may well do better."""
    text = str(error)
    return type(error) is ResponseError and not _OF_SERVER.search(text) and bool(_OF_VALUE.search(text))


def word_of(error: BaseException | None) -> str | None:
    """The word by which Redis names what is wrong with the server or with us: "NOAUTH". redis-py takes it off its text,
    and puts errors into others."""
    while error is not None:
        for text in (getattr(error, "status_code", None) or "", str(error)):
            if word := _OF_SERVER.search(text):
                return word[1]
        error = error.__cause__
    return None


def reason_of(error: BaseException) -> str:
    """What the error says, with Redis' own word; its type if it says nothing, as a TimeoutError does. What asyncio and
    redis-py print as tuples is put into words."""
    text, word = _SYSTEMS.sub(_as_a_sentence, str(error)) or type(error).__name__, word_of(error)
    return text if word is None or word in text else f"{word} {text}"


def _as_a_sentence(found: re.Match[str]) -> str:
    if found["number"] is not None:
        return f"cannot connect to {found['peer']}: {os.strerror(int(found['number'])).lower()}"
    if found["text"] is not None:
        return f": {found['text'].lower()}"
    return "nothing answers on any of its addresses"
