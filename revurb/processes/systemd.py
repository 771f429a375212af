"""Telling systemd how we are, as sd_notify(3) has it: datagrams on the socket that $NOTIFY_SOCKET names.

Nothing of systemd is needed, and without the variable nothing is sent.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping

ALIVE_S = 1.0
PATIENCE_S = 0.5  # for a queue that is full, with what must not be lost; a sign of life can be
# What a service was told about itself is not for its children.
NAMES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


class SystemdNotifier:
    """One line of life to systemd. Nothing here raises: a service must not fail because nobody listens."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        path = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path  # an abstract socket
        watchdog_s = _watchdog_s(environ)
        self.interval_s = ALIVE_S if watchdog_s is None else min(ALIVE_S, watchdog_s / 2)

    def ready(self, status: str) -> None:
        self._send("READY=1", f"STATUS={status}", patience_s=PATIENCE_S)

    def reloading(self) -> None:
        """A restart of the workers begins; `ready` ends it (Type=notify-reload)."""
        self._send(
            "RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", "STATUS=Replacing the workers"
        )

    def stopping(self, timeout_s: float) -> None:
        """The end begins, and may take so long."""
        extension = f"EXTEND_TIMEOUT_USEC={int(timeout_s * 1e6)}"
        self._send("STOPPING=1", extension, "STATUS=Draining", patience_s=PATIENCE_S)

    def status(self, status: str) -> None:
        self._send(f"STATUS={status}")

    def alive(self) -> None:
        """To be said every `interval_s` seconds; it is half of what systemd waits, or a second if that is less."""
        self._send("WATCHDOG=1")

    def _send(self, *lines: str, patience_s: float = 0.0) -> None:
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.settimeout(patience_s)
            sock.sendto("\n".join(lines).encode(), self._address)


def _watchdog_s(environ: Mapping[str, str]) -> float | None:
    """Seconds of $WATCHDOG_USEC, if it is meant for this process."""
    usec, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not usec.isdecimal() or int(usec) == 0 or pid not in ("", str(os.getpid())):
        return None
    return int(usec) / 1e6
