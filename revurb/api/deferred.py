"""Answers that may have to be waited for: a bus of one process has them at once, one of several has to ask."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import TypeVar

from revurb.pusher.ports import MaybeAwaitable
from revurb.wire.response import DeferredResponse, Response

T = TypeVar("T")


def when_ready(
    value: MaybeAwaitable[T], make: Callable[[T], MaybeAwaitable[Response]]
) -> MaybeAwaitable[Response]:
    """What `make` builds from the value: now if it is there, or once it has been awaited."""
    return DeferredResponse(value, make) if isinstance(value, Awaitable) else make(value)


class NextTurn:
    """To be awaited between two slices of work: others have their turn meanwhile, whatever loop it is."""

    def __await__(self) -> Generator[None, None, None]:
        yield
