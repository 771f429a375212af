"""The answers to requests that cannot be read, or that a fault keeps from being answered."""

from __future__ import annotations

import logging
from collections.abc import Awaitable

from revurb.transport.handlers import Answer
from revurb.wire.http import HttpError, Request
from revurb.wire.response import Response

_log = logging.getLogger(__name__)
_TEXT = "text/plain; charset=utf-8"
_SENTENCES = {408: "Request timeout.", 413: "Payload too large.", 505: "HTTP version not supported."}


def refusal(error: HttpError) -> Response:
    """The answer to a request that cannot be read; it is the last of its connection."""
    text = f"{_SENTENCES.get(error.status, 'Bad request.')} {error.detail}".strip()
    return Response(error.status, text.encode(), _TEXT)


async def answer_or_error(request: Request, answer: Awaitable[Answer]) -> Answer:
    """The answer, or the one for a fault where it fails."""
    try:
        return await answer
    except Exception:
        return internal_error(request)


def internal_error(request: Request) -> Response:
    """The answer for a fault of ours, or of a custom app provider: the reason goes to the log, not to the peer."""
    _log.exception("request failed", extra={"method": request.method, "path": request.path})
    return Response(500, b"Internal server error.", _TEXT)
