"""The answers to requests that cannot be read, or be answered."""

from __future__ import annotations

import asyncio

import pytest

from revurb.transport.fault_answers import answer_or_error, internal_error, refusal
from revurb.wire.http import HttpError, Request
from revurb.wire.response import Response

REQUEST = Request("GET", "/up", "", {}, b"", "1.1", True, False)


@pytest.mark.parametrize(
    ("status", "text"),
    [(413, "Payload too large. Why."), (400, "Bad request. Why."), (501, "Bad request. Why.")],
)
def test_what_cannot_be_read(status: int, text: str) -> None:
    answer = refusal(HttpError(status, "Why."))
    assert (answer.status, answer.body.decode()) == (status, text)


async def test_a_fault_is_logged_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    failing: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
    failing.set_exception(ValueError("what nobody is told"))
    answer = await answer_or_error(REQUEST, failing)
    assert (
        answer
        == internal_error(REQUEST)
        == Response(500, b"Internal server error.", "text/plain; charset=utf-8")
    )
    assert "what nobody is told" in caplog.text
