from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from revurb.node.changed_answers import changed
from revurb.transport.handlers import Answer
from revurb.wire.response import DeferredResponse, Response


def louder(answer: Answer) -> Answer:
    assert isinstance(answer, Response)
    return Response(answer.status, answer.body.upper())


async def test_whenever_an_answer_comes_it_is_changed() -> None:
    plain = Response(200, b"a")
    assert changed(plain, louder) == Response(200, b"A")
    future = asyncio.get_running_loop().create_future()
    deferred = changed(DeferredResponse(future, lambda done: Response(200, done)), louder)
    assert type(deferred) is DeferredResponse
    assert deferred.awaitable is future
    future.set_result(b"b")
    assert await deferred == Response(200, b"B")

    async def later(answer: Answer) -> Answer:
        return answer

    awaited = changed(later(plain), louder)
    assert isinstance(awaited, Awaitable)
    assert await awaited == Response(200, b"A")
    twice = changed(DeferredResponse(future, lambda done: later(Response(200, done))), louder)  # type: ignore[arg-type, return-value]
    assert isinstance(twice, Awaitable)
    assert await twice == Response(200, b"B")


async def test_an_answer_that_cannot_be_made() -> None:
    future = asyncio.get_running_loop().create_future()
    future.set_result(b"a")

    def fail(result: bytes) -> Response:
        raise ValueError("no answer")

    async def fail_later() -> Answer:
        raise ValueError("no answer")

    for make in (lambda: DeferredResponse(future, fail), fail_later):
        with pytest.raises(ValueError, match="no answer"):
            await changed(make(), louder)  # type: ignore[misc]
        answer = changed(make(), louder, lambda: Response(500, b"failed"))
        assert isinstance(answer, Awaitable)
        assert await answer == Response(500, b"FAILED")
