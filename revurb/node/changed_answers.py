"""Something done to an answer, now or when it is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from revurb.transport.handlers import Answer
from revurb.wire.response import DeferredResponse


def changed(
    answer: Answer | Awaitable[Answer],
    change: Callable[[Answer], Answer],
    failed: Callable[[], Answer] | None = None,
) -> Answer | Awaitable[Answer]:
    """What `change` makes of an answer to a request that asks for no upgrade; a deferred one stays one, which saves a
    task. (The answer to an upgrade may be a future that the transport has to get itself.) `failed` gives what is
    changed where making the answer raises; without, that is raised."""
    if not isinstance(answer, Awaitable):
        return change(answer)
    if type(answer) is not DeferredResponse:
        return _change_awaited(answer, change, failed)
    make = answer.make

    def made(result: Any) -> Any:
        try:
            response: Answer | Awaitable[Answer] = make(result)
        except Exception:
            if failed is None:
                raise
            response = failed()
        return changed(response, change, failed)

    deferred: Awaitable[Answer] = DeferredResponse(answer.awaitable, made)
    return deferred


async def _change_awaited(
    answer: Awaitable[Answer], change: Callable[[Answer], Answer], failed: Callable[[], Answer] | None
) -> Answer:
    try:
        return change(await answer)
    except Exception:
        if failed is None:
            raise
        return change(failed())
