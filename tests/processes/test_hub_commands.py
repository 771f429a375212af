"""How the process is started that connects the workers of a host."""

from __future__ import annotations

import socket
from pathlib import Path

from revurb.bus.hub.event_log import LogDescriptors
from revurb.config import load
from revurb.processes.binding import Binding
from revurb.processes.hub_commands import hub_command, relay_command
from revurb.processes.hub_socket import HubSocket
from revurb.processes.invocation import Invocation
from revurb.processes.reaper import Reaper
from revurb.processes.templates import Templates
from revurb.processes.worker_pool import ChangeSignal, WorkerPool

LOG = LogDescriptors(90, (91, 92))
APP = {"REVERB_APP_ID": "1", "REVERB_APP_KEY": "key1", "REVERB_APP_SECRET": "secret1"}


def parts(hub: HubSocket) -> tuple[Invocation, Templates, WorkerPool]:
    invocation = Invocation(
        flags={"log.level": "warning"}, toml_path=Path("revurb.toml"), environ={"REDIS_PASSWORD": "hidden"}
    )
    reaper = Reaper()
    workers = WorkerPool(
        invocation,
        Binding(0, ((), ()), None),
        hub,
        reaper,
        ChangeSignal(),
        lambda slot, child, code: None,
        lambda slot, error: None,
        None,
    )
    return invocation, Templates(reaper, invocation, None, are_used=False), workers


async def test_a_hub_is_told_what_it_takes_over_and_inherits_socket_and_log(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        hub = HubSocket("@revurb-test", sock, LOG)
        invocation, templates, workers = parts(hub)
        config = load(flags={"log.level": "warning"}, environ=APP, cwd=tmp_path)
        command = hub_command(config, hub, workers, invocation, templates)
        assert command.module == "revurb.processes.hub"
        assert command.fds == (sock.fileno(), 90, 91, 92)
        assert command.arguments[:8] == (
            *("--socket-fd", str(sock.fileno()), "--event-log", "90,91,92"),
            *("--workers", "0", "--died", "0"),
        )
        assert command.arguments[-2:] == ("--log-level", "warning")


async def test_a_relay_reads_the_configuration_itself_and_no_secret_is_in_its_command(tmp_path: Path) -> None:
    """Where the system has no socket without a file, it binds a path."""
    hub = HubSocket(str(tmp_path / "hub"), None, LOG)
    invocation, templates, _ = parts(hub)
    command = relay_command(hub, invocation, templates)
    assert command.module == "revurb.processes.relay"
    assert command.fds == LOG.all
    assert command.arguments == (
        *("--socket", str(tmp_path / "hub"), "--event-log", "90,91,92"),
        *("--config=revurb.toml", "--set=log.level=warning"),
    )
