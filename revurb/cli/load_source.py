"""Where `revurb top` has its figures from on this host: the control socket of a server; no configuration is needed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

import click

from revurb.cli.load_sample import SeenProcess, SeenServer
from revurb.cli.local_servers import REPLY_TIMEOUT_S
from revurb.config.normalization import shown_addresses
from revurb.observe.proc_files import proc_usage
from revurb.processes.control_socket import ControlReply, ControlRequest, ServerStatus, send_control_request
from revurb.processes.process_load import ProcessLoad
from revurb.processes.runtime_dir import connect


class LoadSource(Protocol):
    def read(self) -> SeenServer:
        """The server as it is now. Exits with 1 if it does not answer."""
        ...


class LocalServer:
    """A server of this host by its control socket. One of an older release tells its status alone: of its processes
    there are memory and CPU time then, from /proc."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tells_loads = True

    def read(self) -> SeenServer:
        status, loads = self._ask("status").status, None
        if self._tells_loads:
            try:
                loads = self._ask("loads").loads
            except click.ClickException:
                self._ask("status")  # is it gone?
                self._tells_loads = False
        assert status is not None
        return local_sample(status, loads)

    def _ask(self, do: str) -> ControlReply:
        sock = connect(self._path)
        if sock is None:
            raise click.ClickException("the server has ended; revurb status shows what runs")
        with sock:
            try:
                return send_control_request(sock, ControlRequest(do), REPLY_TIMEOUT_S)  # type: ignore[arg-type]
            except (OSError, ValueError) as error:
                raise click.ClickException(f"the server does not answer: {error}") from error


def local_sample(status: ServerStatus, loads: list[ProcessLoad] | None) -> SeenServer:
    """What a control socket has told. Without `loads`, what /proc tells."""
    now_s = time.monotonic()
    by_pid = {load.pid: load for load in loads or ()}
    seen = []
    for process in status.processes:
        load = by_pid.get(process.pid or 0)
        if loads is None and process.pid is not None:
            load = proc_load(process.process, process.pid)
        at_s = now_s - (0.0 if load is None else load.age_s)
        name, pid, connections = process.process, process.pid, process.connections
        seen.append(
            SeenProcess(
                name, pid, process.state, process.bus, connections, at_s, load, is_partial=loads is None
            )
        )
    return SeenServer(
        status.version, shown_addresses(status.host, status.port), status.state, status.uptime_s, seen
    )


def proc_load(process: str, pid: int) -> ProcessLoad | None:
    """Memory and CPU time of a process of this host; None where they are not known."""
    usage = proc_usage(pid)
    if usage is None:
        return None
    return ProcessLoad(process, pid, 0.0, memory_bytes=usage.memory_bytes, cpu_s=usage.cpu_s)
