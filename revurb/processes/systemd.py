"""Notifies systemd of the state of the service as sd_notify(3) does: datagrams to the socket in $NOTIFY_SOCKET.

Needs no library of systemd. Sends nothing without the variable.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Callable, Mapping

MAX_ALIVE_INTERVAL_S = 1.0
STATUS_INTERVAL_S = 10.0  # between two lines of status
SEND_TIMEOUT_S = 0.5  # while the queue of the socket is full; a watchdog notification is dropped then
# These variables describe the main process of the service: they are removed from the environment of its children.
ENVIRONMENT_NAMES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


class SystemdNotifier:
    """Sends notifications of the main process of a service. No method raises: the service must not fail because nothing
    listens. Between two calls of `alive` may be `interval_s` seconds."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        path = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path  # an abstract socket
        watchdog_s = _watchdog_s(environ)
        self.interval_s = (
            MAX_ALIVE_INTERVAL_S if watchdog_s is None else min(MAX_ALIVE_INTERVAL_S, watchdog_s / 2)
        )

    def ready(self, status: str) -> None:
        self._send("READY=1", f"STATUS={status}", timeout_s=SEND_TIMEOUT_S)

    def reloading(self, status: str) -> None:
        """What SIGHUP asks for begins. systemd waits for the next `ready` (Type=notify-reload), which must also come
        if it is refused."""
        now_usec = time.monotonic_ns() // 1000
        self._send("RELOADING=1", f"MONOTONIC_USEC={now_usec}", f"STATUS={status}", timeout_s=SEND_TIMEOUT_S)

    def stopping(self, timeout_s: float) -> None:
        """The service stops, which may take `timeout_s` seconds."""
        extension = f"EXTEND_TIMEOUT_USEC={int(timeout_s * 1e6)}"
        self._send("STOPPING=1", extension, "STATUS=Draining", timeout_s=SEND_TIMEOUT_S)

    def status(self, status: str) -> None:
        self._send(f"STATUS={status}")

    def alive(self) -> None:
        """Must be called every `interval_s` seconds: half of systemd's watchdog timeout, but at most one second."""
        self._send("WATCHDOG=1")

    async def keep_alive(self, summary: Callable[[], str | None]) -> None:
        """Call `alive` for as long as this is not cancelled, and `status` every STATUS_INTERVAL_S seconds with the
        summary, where there is one."""
        status_sent_at = time.monotonic()
        while True:
            self.alive()
            await asyncio.sleep(self.interval_s)
            if time.monotonic() - status_sent_at >= STATUS_INTERVAL_S and (text := summary()) is not None:
                status_sent_at = time.monotonic()
                self.status(text)

    def _send(self, *lines: str, timeout_s: float = 0.0) -> None:
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.settimeout(timeout_s)
            sock.sendto("\n".join(lines).encode(), self._address)


def _watchdog_s(environ: Mapping[str, str]) -> float | None:
    """$WATCHDOG_USEC in seconds; None if it is not set, is for another process, or cannot be read."""
    usec, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not (usec.isascii() and usec.isdecimal()) or int(usec) == 0 or pid not in ("", str(os.getpid())):
        return None
    return int(usec) / 1e6
