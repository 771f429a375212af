"""Check of what the system allows: open files, the queue of connections that wait to be accepted, memory."""

from __future__ import annotations

import contextlib
import resource
from pathlib import Path

from revurb.config import Config
from revurb.doctor.finding import Finding
from revurb.node.available_memory import available_memory_bytes
from revurb.transport.listener import BACKLOG

FEW_FILES = 10_000
OTHER_FILES = 100  # listeners, logs, Redis, the interpreter
SOMAXCONN = Path("/proc/sys/net/core/somaxconn")
MIN_MEMORY_BYTES = 256 * 1024 * 1024


def check_limits(config: Config) -> list[Finding]:
    """One finding for each limit."""
    findings = [_open_files(config)]
    with contextlib.suppress(OSError, ValueError):  # there is none, on another system than Linux
        findings.append(_backlog(int(SOMAXCONN.read_text())))
    memory_bytes = available_memory_bytes()
    findings.append(
        Finding(
            "ok" if memory_bytes >= MIN_MEMORY_BYTES else "warning",
            "memory",
            f"{memory_bytes // 1024 // 1024} MiB for this host or container",
            "Each connection takes about 2 KiB, and what waits for slow clients up to a quarter of the memory.",
        )
    )
    return findings


def _open_files(config: Config) -> Finding:
    """The hard limit, to which a server raises its own: each connection takes one file."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limits = [config.limits.max_connections, *(app.max_connections for app in config.apps)]
    wanted = max([OTHER_FILES + (limit or 0) for limit in limits])
    if hard == resource.RLIM_INFINITY:
        return Finding("ok", "open files", "without a limit")
    advice = "Raise it: LimitNOFILE= of systemd, --ulimit nofile= of Docker, or ulimit -n."
    if hard < wanted:
        return Finding(
            "warning", "open files", f"{hard}, but {wanted - OTHER_FILES} connections are allowed", advice
        )
    return Finding(
        "ok" if hard >= FEW_FILES else "warning",
        "open files",
        f"{hard}, so each process can have so many connections",
        advice,
    )


def _backlog(somaxconn: int) -> Finding:
    return Finding(
        "ok" if somaxconn >= BACKLOG else "warning",
        "backlog",
        f"{min(somaxconn, BACKLOG)} connections may wait to be accepted",
        f"Clients that come back all at once may be refused: sysctl net.core.somaxconn={BACKLOG}",
    )
