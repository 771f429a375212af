"""The key of a request that may be sent again, and what answers it: see node/idempotent_answers.py.

The key is the field `Idempotency-Key` of the head, or `idempotency_key` of the body.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import orjson

from revurb.api.answers import bad_request
from revurb.pusher.ports import MaybeAwaitable
from revurb.wire.http import Request
from revurb.wire.response import Response

MAX_KEY_CHARS = 255
IN_HEAD = "idempotency-key"
IN_BODY = b'"idempotency_key"'  # of one that may have a key there


class HasKey(Exception):
    """A request has a key in its body, which has not been looked at."""


class Idempotency(Protocol):
    """Answers requests with keys, each once."""

    def answer(
        self, app_id: str, key: str, request: Request, do: Callable[[], MaybeAwaitable[Response]]
    ) -> MaybeAwaitable[Response]:
        """The answer to a request with `key`: that of before, or that of `do`, which is called once at most and may
        raise ApiError."""


def key_of(request: Request) -> str | None:
    """The key of a request, None if it has none. Raises ApiError (400) for one that is of no use."""
    key: object = request.headers.get(IN_HEAD)
    if key is None:
        if IN_BODY not in request.body:
            return None
        try:
            body = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            return None  # which is said where it is read
        key = body.get("idempotency_key") if isinstance(body, dict) else None
        if key is None:
            return None
    if not isinstance(key, str) or not 0 < len(key) <= MAX_KEY_CHARS:
        raise bad_request(f"An idempotency key is a text of 1 to {MAX_KEY_CHARS} characters.")
    return key
