"""The socket on which the hub of a server listens, and the log that it shares with the workers.

On Linux it has a name and no file (unix(7), "abstract"): no cleaner of /tmp and no logout takes it away. The supervisor
binds it once and keeps it, so that its name stays taken while the hub is replaced. Such a name can be connected to by
every user of the host: hub and workers look at whose process the other end is.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from revurb.bus.hub.event_log import LogDescriptors
from revurb.processes.runtime_dir import MAX_SOCKET_PATH_BYTES, usable_dir

BACKLOG = 128
HUB_LEASE_S = 5.0  # of a worker; one whose loop is not blocked sends something every second


@dataclass(frozen=True, slots=True)
class HubSocket:
    """`address` is for `revurb.bus.hub.hub_link.HubLink`. The hub inherits `sock`; None if it binds a path itself. Hub
    and workers inherit `log`, in which a worker has `slots_of_worker`."""

    address: str
    sock: socket.socket | None
    log: LogDescriptors
    slots_of_worker: int = 1


@contextlib.contextmanager
def hub_socket(
    runtime_dir: str | None, port: int, log: LogDescriptors, slots_of_worker: int = 1
) -> Iterator[HubSocket]:
    """The socket of the hub of the server on `port`, until the end of the block. Raises OSError if it cannot be
    bound."""
    if sys.platform == "linux":
        name = f"revurb-{port}-{os.getpid()}-{secrets.token_hex(8)}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.bind(f"\0{name}")
            sock.listen(BACKLOG)
            sock.setblocking(False)
            yield HubSocket(f"@{name}", sock, log, slots_of_worker)
    else:
        with hub_path(runtime_dir, port) as path:
            yield HubSocket(str(path), None, log, slots_of_worker)


@contextlib.contextmanager
def hub_path(runtime_dir: str | None, port: int) -> Iterator[Path]:
    """A path for the socket; the file is removed at the end of the block. It is in the runtime directory, or in a
    temporary one if that cannot be used: workers need the hub also where no runtime directory can be had."""
    name = f"{port}-{os.getpid()}.hub"  # another server may have the same port on another address
    with contextlib.ExitStack() as stack:
        try:
            path = usable_dir(runtime_dir) / name
        except OSError:
            path = None
        import tempfile  # for this case only: 0.1 MiB

        if path is None or len(os.fsencode(path)) > MAX_SOCKET_PATH_BYTES:
            path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="revurb-"))) / name
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)  # a hub that was killed has left it
