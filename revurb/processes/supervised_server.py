"""What a supervisor has before it supervises: the template of its first workers, the bound addresses, the hub's socket,
and the log of the host.

In this order: the template shares the memory of this process, and none of its descriptors.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from revurb.bus.hub.event_log import ring_bytes_for, shared_log
from revurb.config import Config
from revurb.observe.logs import configure_logging
from revurb.processes import prctl
from revurb.processes.binding import bind
from revurb.processes.cpus import worker_count
from revurb.processes.giving_up import GaveUp
from revurb.processes.hub_socket import hub_socket
from revurb.processes.invocation import Invocation
from revurb.processes.open_files import raise_open_files_limit
from revurb.processes.supervisor import Supervisor
from revurb.processes.template import fork_template
from revurb.transport.listener import ListenError
from revurb.version import __version__

_log = logging.getLogger(__name__)

GENERATIONS = 4  # of workers that may be there at a time


def supervise(
    invocation: Invocation, config: Config, on_listening: Callable[[int], None], *, is_fork_safe: bool
) -> None:
    """Serve with several workers until a signal or a request ends the server. `on_listening` is called once with the
    port, when all workers are ready. `is_fork_safe` is whether nothing in this process is another program's, such as
    threads. Raises GaveUp if the server cannot run."""
    configure_logging(config.log.format, config.log.level)
    server = config.server
    files = raise_open_files_limit()
    count = worker_count(config)
    has_templates = prctl.adopt_orphans()
    first = fork_template(config, invocation.place().environ) if has_templates and is_fork_safe else None
    try:
        binding = bind(server.hosts, server.port, server.unix_socket, server.unix_socket_mode, count)
    except ListenError as error:
        raise GaveUp((str(error),)) from error
    address = {"version": __version__, "host": server.host, "port": binding.port}
    _log.info("starting", extra={**address, "workers": count, "open_files_limit": files})
    scaling = config.scaling
    # What PHP nodes publish is read apart from the rest.
    slots = 2 if scaling.enabled and scaling.protocol != "revurb" and not scaling.redis.cluster else 1
    try:
        with (
            shared_log(GENERATIONS * (count * slots + 1), ring_bytes=_ring_bytes(config)) as log,
            hub_socket(config.process.runtime_dir, binding.port, log, slots) as hub,
        ):
            # asyncio's own loop: uvloop would wait for child processes itself, which is the Reaper's job here.
            asyncio.run(Supervisor(invocation, config, binding, hub, first, has_templates).run(on_listening))
    finally:
        binding.close()


def _ring_bytes(config: Config) -> int:
    limits = config.limits
    messages = (app.max_message_size_bytes for app in config.apps)
    return ring_bytes_for(max(limits.max_request_size_bytes, limits.max_batch_size_bytes, *messages))
