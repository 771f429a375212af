"""The figures of all processes of a server, put together by the supervisor: they are here when somebody asks, whatever
the processes do.

Each child is asked once, and tells its figures every second from then on. What a child had counted stays in the totals
when it is gone, so that they never go backwards: after a kill, what it told last.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from revurb.observe.figures import AppLabels, Figures
from revurb.observe.process_figures import write_process
from revurb.observe.unblocked_output import lines_dropped
from revurb.processes.child import Child
from revurb.processes.control_socket import ServerStatus
from revurb.processes.process_load import ProcessLoad, load_of
from revurb.processes.slot import Slot
from revurb.processes.supervision_link import ReportFigures

if TYPE_CHECKING:
    from revurb.processes.server_console import ServerConsole

LOOK_S = 0.25
LOADS_S = 10.0
SUPERVISOR = "supervisor"
WORKER = "worker "  # with which the names of their slots begin


class ServerFigures:
    """The AdminSource of a supervisor. `slots` are those of all processes, `is_blocked` is the watchdog's, `status`
    what `revurb status` shows. `max_apps` apps have metrics of their own."""

    def __init__(
        self,
        slots: Callable[[], Iterable[Slot]],
        is_blocked: Callable[[Child], bool],
        status: Callable[[], ServerStatus],
        max_apps: int,
    ) -> None:
        self._slots = slots
        self._is_blocked = is_blocked
        self._status = status
        self._label = AppLabels(max_apps)
        self._asked: dict[Child, None] = {}  # and not over
        self._asked_at: dict[Child, float] = {}  # by `loads`
        self._gone = Figures()
        self._console: ServerConsole | None = None  # until `watch`

    async def watch(self) -> None:
        """Ask each child that has come. Runs until it is cancelled."""
        console = self._opened_console()
        console.begin()
        try:
            await self._watch()
        finally:
            console.end()

    async def _watch(self) -> None:
        while True:
            for child in [child for slot in self._slots() for child in slot.children]:
                if child.has_been_ready and not child.is_over and child not in self._asked:
                    self._asked[child] = None
                    child.exit_code.add_done_callback(partial(self._on_over, child))
                    child.send(ReportFigures())
            await asyncio.sleep(LOOK_S)

    def _on_over(self, child: Child, done: asyncio.Future[int]) -> None:
        self._asked.pop(child, None)
        self._gone.add(child.figures.rows, child.name, self._label, totals_only=True)

    def loads(self) -> list[ProcessLoad]:
        """What each process does, of those that have told it. They tell it for LOADS_S seconds, until this is called
        again, so that nobody does anything for it while nobody looks."""
        children = [child for slot in self._slots() for child in slot.children if child.has_been_ready]
        now = time.monotonic()
        for child in children:
            if child not in self._asked and now - self._asked_at.get(child, -LOADS_S) >= LOADS_S / 2:
                self._asked_at[child] = now
                child.send(ReportFigures(LOADS_S))
        self._asked_at = {child: at for child, at in self._asked_at.items() if child in children}
        return [
            load_of(child.name, child.pid, age_s, child.figures.rows)
            for child in children
            if (age_s := child.figures.age_s) is not None
        ]

    def unready(self) -> str | None:
        """Why no clients are taken: "starting", "draining", that no worker is ready, or what all of them say."""
        state = self._status().state
        if state in ("starting", "draining"):
            return state
        reasons = [
            child.heartbeat.unready
            for slot in self._worker_slots()
            for child in slot.children
            if child.serves and not self._is_blocked(child)
        ]
        return min(reasons) or None if reasons else "no worker is ready"

    async def ask_console(self, name: str, body: bytes) -> tuple[int, bytes]:
        return await self._opened_console().ask(name, body)

    def _opened_console(self) -> ServerConsole:
        # What it imports, a server without an admin listener need not have.
        from revurb.processes.server_console import ServerConsole

        if self._console is None:
            self._console = ServerConsole(self._worker_slots, self._is_blocked)
        return self._console

    def _worker_slots(self) -> list[Slot]:
        return [slot for slot in self._slots() if slot.name.startswith(WORKER)]

    def status_json(self) -> bytes:
        return msgspec.json.encode(self._status())

    def figures(self) -> Figures:
        """All figures as of now."""
        figures = Figures()
        figures.add(self._gone.rows(), "", totals_only=True, has_process=True)
        for child in self._asked:
            figures.add(child.figures.rows, child.name, self._label)
        own = Figures()
        write_process(own)
        own.put("ready", int(self.unready() is None))
        own.put("log_lines_dropped_total", lines_dropped())
        figures.add(own.rows(), SUPERVISOR)
        self._add_states(figures)
        return figures

    def _add_states(self, figures: Figures) -> None:
        states: dict[str, int] = dict.fromkeys(("starting", "ready", "draining", "blocked", "waiting"), 0)
        for slot in self._slots():
            for row in slot.status(self._is_blocked):
                states[row.state] = states.get(row.state, 0) + 1
            blocked = [child for child in slot.children if self._is_blocked(child)]
            figures.put("process_blocked", int(bool(blocked)), slot.name)
            figures.put("process_restarts_total", slot.restarts, slot.name)
            ages = [age for child in slot.children if (age := child.figures.age_s) is not None]
            if ages:
                figures.put("process_age_seconds", round(max(ages), 3), slot.name)
        for state, count in states.items():
            figures.put("processes", count, state)
