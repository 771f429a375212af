"""Which server is measured, and where its processes are."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass

from revurb.apps import App


@dataclass(frozen=True, slots=True)
class BenchTarget:
    """A server that speaks the Pusher protocol. `path` is the prefix of its routes, `tls` is None for plain TCP,
    `header` goes ahead of everything on a connection (PROXY protocol). `pids` are its processes on this host, if they
    are known: their CPU time and memory are measured."""

    host: str
    port: int
    app: App
    path: str = ""
    tls: ssl.SSLContext | None = None
    header: bytes = b""
    pids: Sequence[int] = ()

    @property
    def authority(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class BenchError(Exception):
    """The server cannot be measured. The text says why."""
