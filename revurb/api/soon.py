"""Answers that may have to be waited for: a bus of one process has them at once, one of several has to ask."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from revurb.pusher.ports import Soon
from revurb.wire.response import Response

T = TypeVar("T")


def then(soon: Soon[T], use: Callable[[T], Soon[Response]]) -> Soon[Response]:
    """What `use` makes of the value, now or when it is there."""
    if isinstance(soon, Awaitable):
        return _later(soon, use)
    return use(soon)


async def _later(soon: Awaitable[T], use: Callable[[T], Soon[Response]]) -> Response:
    response = use(await soon)
    return await response if isinstance(response, Awaitable) else response
