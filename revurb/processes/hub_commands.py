"""How the process is started that connects the workers of a host: the hub, or the relay where Redis connects them."""

from __future__ import annotations

from revurb.config import Config
from revurb.processes.child import ChildCommand
from revurb.processes.hub_socket import HUB_LEASE_S, HubSocket
from revurb.processes.invocation import Invocation
from revurb.processes.templates import Templates
from revurb.processes.worker_pool import WorkerPool


def hub_command(
    config: Config, hub: HubSocket, workers: WorkerPool, invocation: Invocation, templates: Templates
) -> ChildCommand:
    """Of a hub that takes over what `workers` have from an earlier one."""
    log = config.log
    return ChildCommand(
        module="revurb.processes.hub",
        arguments=(
            *_place(hub),
            *("--event-log", hub.log.argument()),
            *("--workers", str(workers.connected_to_hub)),
            *("--died", str(workers.died_within(HUB_LEASE_S))),
            *("--max-cached-bytes", str(config.limits.max_cached_bytes)),
            *("--log-format", log.format, "--log-level", log.level),
        ),
        fds=_fds(hub),
        place=invocation.place(),
        templates=templates,
    )


def relay_command(hub: HubSocket, invocation: Invocation, templates: Templates) -> ChildCommand:
    """Of a relay, which keeps nothing that another one would have to take over."""
    return ChildCommand(
        module="revurb.processes.relay",
        arguments=(*_place(hub), *("--event-log", hub.log.argument()), *invocation.arguments()),
        fds=_fds(hub),
        place=invocation.place(),
        templates=templates,
    )


def _place(hub: HubSocket) -> tuple[str, str]:
    return ("--socket", hub.address) if hub.sock is None else ("--socket-fd", str(hub.sock.fileno()))


def _fds(hub: HubSocket) -> tuple[int, ...]:
    return (*(() if hub.sock is None else (hub.sock.fileno(),)), *hub.log.all)
