"""Answers that may have to be waited for: a bus of one process has them at once, one of several has to ask."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from revurb.pusher.ports import Soon
from revurb.wire.response import Later, Response

T = TypeVar("T")


def then(soon: Soon[T], use: Callable[[T], Soon[Response]]) -> Soon[Response]:
    """What `use` makes of the value, now or when it is there."""
    return Later(soon, use) if isinstance(soon, Awaitable) else use(soon)
