"""Requests that say which they are, so that one that is sent again does nothing again, and gets the answer of before.

An answer of success is kept for KEPT_S, and given to every request of the app with that key, whichever process it comes
to. Without a key nobody is asked anything.

Plan: a process that knows nothing of a key asks all others (a survey). Each says what it has: the answer, or that it is
doing it, or that it is asking too. Of two that ask at a time the one with the smaller token goes on: whoever gets the
question of a smaller one while it asks gives up, also if that one had not been there yet when it was asked itself. A
process that does not answer in time counts as having nothing, as does one that has ended: what it knew is lost with it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import TypeAlias

import msgspec

from revurb.api.answers import ApiError, text_response
from revurb.pusher.ports import MaybeAwaitable
from revurb.wire.http import Request
from revurb.wire.response import Response

KEPT_S = 120.0
MAX_KEPT = 10_000
MAX_KEPT_BYTES = 16 * 1024 * 1024
MAX_WAITING = 100  # requests with one key, while the first is under way
DEADLINE_S = 1.0
QUESTION = b"once:"
ENTRY_BYTES = 500  # of an entry without its answer

_CONFLICT = text_response(
    409, "Conflict. A request with this idempotency key is being answered.", (("Retry-After", "1"),)
)
_FAILED = text_response(500, "Internal server error.")
_OTHER = text_response(422, "The idempotency key was used for another request.")
Survey: TypeAlias = Callable[[bytes, float], MaybeAwaitable[Sequence[bytes]]]


class Progress(Enum):
    """How far a request has come."""

    ASKING = "asking"
    DOING = "doing"
    DONE = "done"


class _AskedKey(msgspec.Struct, array_like=True):
    app_id: str
    key: str
    token: bytes


class _KnownAnswer(msgspec.Struct, array_like=True):
    """What a process knows of a key."""

    phase: Progress
    token: bytes
    print: bytes  # of what was asked for
    status: int = 0
    body: bytes = b""
    content_type: str = ""


class _KeptAnswer:
    __slots__ = ("ends_at", "has_lost", "phase", "print", "response", "token", "waiters")

    def __init__(self, print: bytes, ends_at: float) -> None:
        self.phase = Progress.ASKING
        self.token = os.urandom(12)
        self.print = print
        self.ends_at = ends_at
        self.has_lost = False
        self.response: Response | None = None
        self.waiters: list[asyncio.Future[Response]] = []


class IdempotentAnswers:
    """Those of a process: an `api.idempotency.Idempotency`. `survey` is the bus's."""

    def __init__(self, survey: Survey, clock: Callable[[], float] = time.monotonic) -> None:
        self._survey = survey
        self._clock = clock
        self._entries: OrderedDict[tuple[str, str], _KeptAnswer] = OrderedDict()  # in order of their ends
        self._bytes = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def answer(
        self, app_id: str, key: str, request: Request, do: Callable[[], MaybeAwaitable[Response]]
    ) -> MaybeAwaitable[Response]:
        """The answer to a request with `key`: that of before, or that of `do`, which is called once at most."""
        self._forget_old()
        print = hashlib.sha256(b"%b %b" % (request.path.encode(), request.body)).digest()[:16]
        place = (app_id, key)
        entry = self._entries.get(place)
        if entry is not None:
            if entry.print != print:
                return _OTHER
            return entry.response or self._wait(entry)
        entry = _KeptAnswer(print, self._clock() + KEPT_S)
        self._keep(place, entry)
        try:
            question = msgspec.msgpack.encode(_AskedKey(app_id, key, entry.token))
            answers = self._survey(QUESTION + question, DEADLINE_S)
            if isinstance(answers, Awaitable):
                return self._in_task(place, entry, self._ask(place, entry, answers, do))
            made = self._decide(place, entry, answers, do)
        except BaseException:  # else whoever asks again would wait for ever
            self._finish(place, entry, _FAILED)
            raise
        if isinstance(made, Response):
            self._finish(place, entry, made)
            return made
        return self._in_task(place, entry, made)

    def answerer(self, otherwise: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
        """The function that answers the surveys of the bus; `otherwise` answers other questions."""

        def answer(question: bytes) -> bytes:
            if not question.startswith(QUESTION):
                return otherwise(question)
            try:
                asked = msgspec.msgpack.decode(question[len(QUESTION) :], type=_AskedKey)
            except (msgspec.MsgspecError, ValueError, RecursionError):
                return b""
            return self._told(asked)

        return answer

    def _told(self, asked: _AskedKey) -> bytes:
        self._forget_old()
        entry = self._entries.get((asked.app_id, asked.key))
        if entry is None or entry.token == asked.token:
            return b""
        if entry.phase is Progress.ASKING and asked.token < entry.token:
            entry.has_lost = True
        response = entry.response
        known = _KnownAnswer(entry.phase, entry.token, entry.print)
        if response is not None:
            known = _KnownAnswer(
                Progress.DONE, entry.token, entry.print, response.status, response.body, response.content_type
            )
        return msgspec.msgpack.encode(known)

    async def _ask(
        self,
        place: tuple[str, str],
        entry: _KeptAnswer,
        answers: Awaitable[Sequence[bytes]],
        do: Callable[[], MaybeAwaitable[Response]],
    ) -> Response:
        made = self._decide(place, entry, await answers, do)
        return made if isinstance(made, Response) else await made

    def _decide(
        self,
        place: tuple[str, str],
        entry: _KeptAnswer,
        answers: Sequence[bytes],
        do: Callable[[], MaybeAwaitable[Response]],
    ) -> MaybeAwaitable[Response]:
        """What the others know decides: their answer, a conflict, or that of `do`."""
        for answer in answers:
            known = _read(answer)
            if known is None:
                continue
            if known.print != entry.print:
                return _OTHER
            if known.phase is Progress.DONE:
                return Response(known.status, known.body, known.content_type)
            if known.phase is Progress.DOING or known.token < entry.token:
                return _CONFLICT
        if entry.has_lost:
            return _CONFLICT
        entry.phase = Progress.DOING
        try:
            return do()
        except ApiError as error:
            return error.response

    def _in_task(
        self, place: tuple[str, str], entry: _KeptAnswer, made: Awaitable[Response]
    ) -> asyncio.Future[Response]:
        """Goes on also if the client has gone: it will ask again, and then it has to be known what became of it."""

        async def run() -> None:
            try:
                response = await made
            except ApiError as error:
                response = error.response
            except BaseException:
                self._finish(place, entry, _FAILED)
                raise
            self._finish(place, entry, response)

        waiter = self._wait(entry)
        assert isinstance(waiter, asyncio.Future)
        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return waiter

    def _wait(self, entry: _KeptAnswer) -> asyncio.Future[Response] | Response:
        if len(entry.waiters) >= MAX_WAITING:
            return _CONFLICT
        waiter: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        entry.waiters.append(waiter)
        return waiter

    def _finish(self, place: tuple[str, str], entry: _KeptAnswer, response: Response) -> None:
        """Success is kept; what was refused may be tried again."""
        waiters, entry.waiters = entry.waiters, []
        if self._entries.get(place) is entry:
            if 200 <= response.status < 300:
                entry.phase, entry.response = Progress.DONE, response
                self._bytes += len(response.body)
                self._forget_old()
            else:
                self._forget(place)
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(response)

    def _keep(self, place: tuple[str, str], entry: _KeptAnswer) -> None:
        self._entries[place] = entry
        self._bytes += ENTRY_BYTES

    def _forget_old(self) -> None:
        """What has ended, and where too much is kept, the oldest."""
        now, entries = self._clock(), self._entries
        while entries:
            place, oldest = next(iter(entries.items()))
            if oldest.ends_at > now and len(entries) <= MAX_KEPT and self._bytes <= MAX_KEPT_BYTES:
                return
            self._forget(place)

    def _forget(self, place: tuple[str, str]) -> None:
        entry = self._entries.pop(place)
        self._bytes -= ENTRY_BYTES + (0 if entry.response is None else len(entry.response.body))


def _read(answer: bytes) -> _KnownAnswer | None:
    try:
        return msgspec.msgpack.decode(answer, type=_KnownAnswer) if answer else None
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
