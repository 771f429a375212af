"""Something done to an answer, now or when it is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from revurb.transport.handlers import Answer
from revurb.wire.response import DeferredResponse


def changed(
    answer: Answer | Awaitable[Answer], change: Callable[[Answer], Answer]
) -> Answer | Awaitable[Answer]:
    """What `change` makes of an answer to a request that asks for no upgrade; a deferred one stays one, which saves a
    task. (The answer to an upgrade may be a future that the transport has to get itself.)"""
    if not isinstance(answer, Awaitable):
        return change(answer)
    if type(answer) is DeferredResponse:
        make = answer.make
        deferred: Awaitable[Answer] = DeferredResponse(
            answer.awaitable,
            lambda result: changed(make(result), change),  # type: ignore[arg-type, return-value]
        )
        return deferred
    return _change_awaited(answer, change)


async def _change_awaited(answer: Awaitable[Answer], change: Callable[[Answer], Answer]) -> Answer:
    return change(await answer)
