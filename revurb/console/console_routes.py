"""What the admin listener answers below /console/: the files of the pages to everybody, and questions of the pages.

    POST /console/api/NAME      a JSON object as body; a JSON object as answer, or {"error": sentence} with 400 or more
    POST /console/api/several   {"questions": [{"ask": NAME, "body": {}}]}, which is {"answers": [{"status": 200,
                                "body": {}}]} in their order: what a page asks once a second costs a third then

A question needs what /status needs. Two things keep pages of other sites out, which a browser of somebody who may ask
could have open: a body has to be of type application/json, which another site's page may send after a preflight alone,
and none is granted here; and an Origin, where there is one, has to be that of the listener.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeAlias

import msgspec

from revurb.console.admin_access import CHALLENGE, AdminAccess, is_own_origin
from revurb.console.code_meanings import CODE_MEANINGS
from revurb.console.console_files import PREFIX, ConsoleFiles
from revurb.wire.http import Request
from revurb.wire.response import JSON, Response

API_PREFIX = f"{PREFIX}api/"
OVERVIEW = "overview"
SEVERAL = "several"
MAX_SEVERAL = 16
MAX_ASKED = 40  # requests at a time: /metrics and /ready have the other connections
_TEXT = "text/plain; charset=utf-8"
_HEADERS = (("Cross-Origin-Resource-Policy", "same-origin"), ("X-Content-Type-Options", "nosniff"))
_TO_PAGE = Response(302, b"The console is at /console/.\n", _TEXT, (("Location", PREFIX),))
_NO_FILE = Response(404, b"There is no such file of the console, which begins at /console/.\n", _TEXT)
_ONLY_GET = Response(405, b"Only GET and HEAD are answered here.\n", _TEXT, (("Allow", "GET, HEAD"),))
_TOO_MANY = (
    f"{MAX_ASKED} requests of pages are not answered yet: a process may hang, or too many pages are open."
)
_ALLOW_POST = (("Allow", "POST"),)

AskConsole: TypeAlias = Callable[[str, bytes], Awaitable[tuple[int, bytes]]]
"""Answers a question, by its name and its JSON object, with a status and a JSON object."""


class OneOfSeveral(msgspec.Struct, forbid_unknown_fields=True):
    """A question, by its name and its JSON object."""

    ask: str
    body: msgspec.Raw = msgspec.Raw(b"{}")


class SeveralQuestions(msgspec.Struct, forbid_unknown_fields=True):
    """Questions that are asked at once."""

    questions: Annotated[list[OneOfSeveral], msgspec.Meta(max_length=MAX_SEVERAL)]


_read_several = msgspec.json.Decoder(SeveralQuestions).decode
_read_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class ConsoleRoutes:
    """`ask` answers questions; `status_json` is what `revurb status --json` has of the server."""

    def __init__(
        self,
        access: AdminAccess,
        ask: AskConsole,
        status_json: Callable[[], bytes],
        files: ConsoleFiles | None = None,
    ) -> None:
        self._access = access
        self._ask = ask
        self._status_json = status_json
        self._files = files or ConsoleFiles()
        self._asked = 0

    def has(self, path: str) -> bool:
        """Whether `answer` is for a path."""
        return path in ("/", "/console") or path.startswith(PREFIX)

    async def answer(self, request: Request) -> Response:
        """The answer to a request for such a path."""
        if request.path.startswith(API_PREFIX):
            return await self._answer_question(request, request.path.removeprefix(API_PREFIX))
        if request.method not in ("GET", "HEAD"):
            return _ONLY_GET
        if not request.path.startswith(PREFIX):
            return _TO_PAGE
        return self._files.find(request) or _NO_FILE

    async def _answer_question(self, request: Request, name: str) -> Response:
        headers = request.headers
        origin = headers.get("origin")
        if origin is not None and not is_own_origin(origin, headers.get("host", "")):
            return _error(
                403, "Only pages of this listener may ask: open /console/ under the address that is asked."
            )
        if (refusal := self._access.refusal(request)) is not None:
            status, sentence = refusal
            return _error(status, sentence, CHALLENGE if status == 401 else ())
        if request.method != "POST":
            return _error(405, "Questions are sent with POST.", _ALLOW_POST)
        if headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
            return _error(415, "Send the question as `Content-Type: application/json`.")
        body = request.body or b"{}"
        try:
            body.decode()
            _read_object(body)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return _error(400, "The body has to be a JSON object.")
        if self._asked >= MAX_ASKED:
            return _error(503, _TOO_MANY)
        self._asked += 1
        try:
            if name == SEVERAL:
                return await self._answer_several(body)
            status, answer = await self._answer(name, body)
            return Response(status, answer, JSON, _HEADERS)
        finally:
            self._asked -= 1

    async def _answer(self, name: str, body: bytes) -> tuple[int, bytes]:
        status, answer = await self._ask(name, body)
        return status, self._completed(answer) if name == OVERVIEW and status == 200 else answer

    async def _answer_several(self, body: bytes) -> Response:
        try:
            questions = _read_several(body).questions
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            return _error(400, f"The questions are not as they have to be: {error}.")
        answers = await asyncio.gather(*(self._answer(each.ask, bytes(each.body)) for each in questions))
        shown = [{"status": status, "body": msgspec.Raw(answer)} for status, answer in answers]
        return Response(200, msgspec.json.encode({"answers": shown}), JSON, _HEADERS)

    def _completed(self, overview: bytes) -> bytes:
        """What a node says, with what is known here."""
        processes = _read_object(self._status_json()).get("processes", msgspec.Raw(b"[]"))
        own = {
            "console_at_ms": int(time.time() * 1000),
            "processes": processes,
            "explains": CODE_MEANINGS,
        }
        return msgspec.json.encode({**_read_object(overview), **own})


def _error(status: int, sentence: str, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    return Response(status, msgspec.json.encode({"error": sentence}), JSON, (*headers, *_HEADERS))
