"""The console of a server with workers: one of the workers answers, which asks all others; the supervisor adds what
only it knows, such as that a process has ended and why."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterable

import msgspec

from revurb.inspection.question_types import QuestionRefused, read_question
from revurb.inspection.trouble_book import Trouble, TroubleBook
from revurb.observe.refusal_log import RefusalLog
from revurb.processes.child import Child
from revurb.processes.slot import Slot

NO_WORKER = (503, b'{"error":"No worker is ready to answer: revurb status shows how the workers are."}')
ENDED = (
    504,
    b'{"error":"The worker that was asked has ended: look whether it was done, and ask again if not."}',
)
TROUBLES = "troubles"
DONE_ONCE = ("publish", "end")


class _Troubles(msgspec.Struct):
    lines: list[Trouble] = []
    after: dict[str, int] = {}


class ServerConsole:
    """`workers` are the slots of the workers, `is_blocked` is the watchdog's."""

    def __init__(self, workers: Callable[[], Iterable[Slot]], is_blocked: Callable[[Child], bool]) -> None:
        self._workers = workers
        self._is_blocked = is_blocked
        self._troubles = TroubleBook(RefusalLog())
        self._process = f"{socket.gethostname()}/{os.getpid()}"

    def begin(self) -> None:
        """Note the supervisor's own troubles from now on."""
        self._troubles.begin()

    def end(self) -> None:
        self._troubles.end()

    async def ask(self, name: str, body: bytes) -> tuple[int, bytes]:
        """The status and the JSON object that answer a question."""
        try:
            question = read_question(
                name, body
            )  # a name that there is none of may be longer than a line of the link
        except QuestionRefused as error:
            return error.status, msgspec.json.encode({"error": error.sentence})
        status, answer = await self._ask_worker(name, body)
        if name != TROUBLES or status not in (200, NO_WORKER[0]):
            return status, answer
        told = msgspec.json.decode(answer, type=_Troubles) if status == 200 else _Troubles()
        return 200, msgspec.json.encode(self._with_own(told, question.after.get(self._process, 0)))

    async def _ask_worker(self, name: str, body: bytes) -> tuple[int, bytes]:
        """Always the same worker while it serves: it keeps answers that take long to make. If it ends meanwhile the
        next one is asked, but for what would be done twice then."""
        serving = [child for slot in self._workers() for child in slot.children if child.serves]
        for child in serving:
            if self._is_blocked(child):
                continue
            asking = asyncio.ensure_future(child.console.ask(name, body))
            await asyncio.wait((asking, child.exit_code), return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                return asking.result()
            asking.cancel()
            if name in DONE_ONCE:
                return ENDED
        return NO_WORKER

    def _with_own(self, told: _Troubles, after: int) -> _Troubles:
        lines, last = self._troubles.troubles(after)
        for line in lines:
            line.process = self._process
        told.lines = sorted((*told.lines, *lines), key=lambda line: line.at_ms)
        told.after[self._process] = last
        return told
