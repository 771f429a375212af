"""Why Redis refused a command: the server, which will refuse every other command too, or a value, which concerns this
command alone."""

from __future__ import annotations

import re

from redis.exceptions import ResponseError

# Not writable, no memory, no permission, and so on. redis-py has types for some of them. Redis before 7 gives the error
# of a command within a script as text behind "-".
_OF_SERVER = re.compile(
    r"(?:^|-| )(?:READONLY|OOM|LOADING|NOPERM|NOAUTH|MASTERDOWN|CLUSTERDOWN|MISCONF|NOREPLICAS|BUSY|UNKILLABLE)\b"
)
_OF_VALUE = re.compile(
    r"WRONGTYPE|not an integer|not a valid float|would overflow|last possible ID|equal or smaller than the target"
    r"|user_script:\s?\d+:"
)


class UnusableValue(Exception):
    """A value in Redis that a command needs cannot be used; the text says why."""


def is_of_value(error: Exception) -> bool:
    """Whether another command may well do better."""
    text = str(error)
    return type(error) is ResponseError and not _OF_SERVER.search(text) and bool(_OF_VALUE.search(text))
