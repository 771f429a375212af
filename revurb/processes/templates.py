"""The template processes of a server: the supervisor's side.

A *generation* is the processes that start together, at the start and at a restart. They are forked from one template
(`revurb.processes.template`), which has imported the code and read the configuration of then. So they share its memory,
and are ready in a hundredth of a second. When they serve, the template ends: it would have 4 MB of its own.

It holds nothing that could be lost. If it ends, hangs or cannot be started, they are fresh interpreters.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Sequence

from revurb.processes.fresh_process import start_fresh
from revurb.processes.invocation import Invocation
from revurb.processes.reaper import Reaper
from revurb.processes.template_link import (
    VERSION,
    Forked,
    ForkFailed,
    ForkRequest,
    TemplateLink,
    TemplateLost,
    TemplateReady,
)

_log = logging.getLogger(__name__)

START_S = 5.0  # until a fresh template is ready, which takes 0.3 s; without one, nothing is lost but memory
FORK_S = 2.0  # until a template that is ready has forked, which takes 5 ms
MODULE = "revurb.processes.template"


class Template:
    """A template process, and the supervisor's end of its link."""

    def __init__(self, pid: int, sock: socket.socket) -> None:
        self.pid = pid
        self.is_lost = False
        self._has_exited = False
        self._is_ready = False
        self._link = TemplateLink(sock)
        self._turn = asyncio.Lock()

    async def fork(self, request: ForkRequest, fds: Sequence[int]) -> int:
        """The pid of a process that was forked as requested. Raises OSError if none could be, and TemplateLost."""
        async with self._turn:
            if self.is_lost:
                raise TemplateLost("it is lost")
            try:
                if not self._is_ready:
                    async with asyncio.timeout(START_S):
                        self._is_ready = isinstance(await self._link.receive(), TemplateReady)
                async with asyncio.timeout(FORK_S):
                    await self._link.send(request, fds)
                    answer = await self._link.receive()
            except BaseException as error:  # also if the caller was cancelled: nobody waits for the answer
                self.end()
                if isinstance(error, TimeoutError):
                    raise TemplateLost("it does not answer") from None
                raise
            finally:
                self._close_if_lost()
        match answer:
            case Forked():
                return answer.pid
            case ForkFailed():
                raise OSError(answer.number, answer.reason)
            case _:
                self.end()
                raise TemplateLost("it answers what was not asked")

    def end(self) -> None:
        """Nothing is forked from it any more."""
        if self.is_lost:
            return
        self.is_lost = True
        if not self._has_exited:
            os.kill(self.pid, signal.SIGKILL)  # it may be stopped, or not read the link
        if not self._turn.locked():  # else whoever reads the link closes it, at its end
            self._link.close()

    def _close_if_lost(self) -> None:
        if self.is_lost:
            self._link.close()

    def on_exit(self, code: int) -> None:
        """To be called by the reaper."""
        self._has_exited = True


class Templates:
    """The template of the generation that starts, if one does. `first` has the pid and the link of the first one, if it
    was forked before there was a loop. Unless `are_used`, every process is a fresh interpreter."""

    def __init__(
        self,
        reaper: Reaper,
        invocation: Invocation,
        first: tuple[int, socket.socket] | None = None,
        *,
        are_used: bool = True,
    ) -> None:
        self._reaper = reaper
        self._invocation = invocation
        self._are_used = are_used
        self._template: Template | None = None
        if first is not None:
            self._use(Template(*first))

    async def fork(self, request: ForkRequest, fds: Sequence[int]) -> int | None:
        """The pid of a new process of the generation that starts; None if there is no template to fork it from. Raises
        OSError if the template could not fork it."""
        template = self._template
        if template is None or template.is_lost:
            return None
        try:
            return await template.fork(request, fds)
        except TemplateLost as lost:
            if template is self._template:  # else it was ended meanwhile
                fields = {"pid": template.pid, "reason": str(lost)}
                _log.warning("template is lost, its processes start without it", extra=fields)
                self._template = None
            return None

    def begin_first(self) -> None:
        """The first generation begins to start, from the template that there is, or else from a fresh one."""
        if self._template is None:
            self.begin()

    def begin(self) -> None:
        """A generation begins to start: fork its processes from a fresh template."""
        self.end()
        if not self._are_used:
            return
        ours, theirs = socket.socketpair()
        with theirs:
            arguments = ("--link", f"{VERSION}:{theirs.fileno()}", *self._invocation.arguments())
            try:
                pid = start_fresh(MODULE, arguments, (theirs.fileno(),), self._invocation.place())
            except OSError as error:
                ours.close()
                _log.warning("template cannot be started", extra={"error": str(error)})
                return
        self._use(Template(pid, ours))

    def end(self) -> None:
        """No generation starts: whoever takes the place of another process is a fresh interpreter."""
        if self._template is not None:
            self._template.end()
            self._template = None

    def _use(self, template: Template) -> None:
        self._template = template
        self._reaper.expect(template.pid, template.on_exit)
