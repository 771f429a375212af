"""What a supervisor answers to the requests of its control socket."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from revurb.processes.child import Child
from revurb.processes.control_socket import ControlReply, ControlRequest, ServerStatus
from revurb.processes.level_change import LogLevel
from revurb.processes.process_load import ProcessLoad
from revurb.processes.supervision_link import SetLogLevel
from revurb.processes.worker_pool import WorkerPool


class ControlAnswers:
    """`stop` and `restart` get what told them to; `restart` returns why it cannot. `children` are all processes."""

    def __init__(
        self,
        stop: Callable[[str], None],
        restart: Callable[[str], Awaitable[str | None]],
        status: Callable[[], ServerStatus],
        loads: Callable[[], list[ProcessLoad]],
        workers: WorkerPool,
        children: Callable[[], Iterable[Child]],
    ) -> None:
        self._stop = stop
        self._restart = restart
        self._status = status
        self._loads = loads
        self._workers = workers
        self._children = children
        self._log_level = LogLevel()

    async def answer(self, request: ControlRequest) -> ControlReply:
        match request.do:
            case "status":
                return ControlReply(status=self._status())
            case "loads":
                return ControlReply(loads=self._loads())
            case "stop":
                self._stop("revurb stop")
                if request.now:
                    self._stop("revurb stop --now")
                return ControlReply()
            case "restart":
                return ControlReply(error=await self._restart("revurb restart"))
            case "reload":
                return ControlReply(error=await self._workers.reload_certificates())
            case "reload_apps":
                nodes = await self._workers.reload_apps(request.app_id)
                return ControlReply(error="no worker answers" if nodes is None else None, nodes=nodes)
            case "service":
                self._workers.service.change(request.is_out, request.over_s, self._workers.serving)
                return ControlReply()
            case "log-level":
                level, for_s = request.level, request.for_s
                self._log_level.change(level, for_s)
                for child in self._children():
                    child.send(SetLogLevel(level, for_s))
                return ControlReply()
