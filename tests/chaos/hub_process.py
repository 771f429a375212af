"""A hub in a process of its own, killed and replaced as a supervisor would, and workers in the test's process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from revurb.bus.brokered.brokered_bus import BrokeredBus
from revurb.bus.hub.event_log import PLACES, shared_log
from revurb.bus.hub.hub_link import HubLink
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.processes.hub_socket import HUB_LEASE_S
from tests.bus.engines import BusNode, StartedNodes

MAX_CACHED_BYTES = 100_000_000  # more than a message may have


class HubProcess(StartedNodes):
    """Workers, and a hub that is killed with SIGKILL in an `outage`."""

    def __init__(self, folder: Path, lease_s: float = HUB_LEASE_S, places: int = PLACES) -> None:
        super().__init__()
        self._lease_s = lease_s
        self._started = 0
        self._path = str(folder / "hub.sock")
        self._memory = contextlib.ExitStack()
        self.log = self._memory.enter_context(shared_log(32, places))
        self._process: subprocess.Popen[bytes] | None = None
        self._link: socket.socket | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def node(self) -> BusNode:
        if self._process is None:
            await self._open(0)
        node = BusNode(f"node{self._started}")  # no worker has the name of another one
        self._started += 1
        node.bus = BrokeredBus(
            node.name,
            node,
            MEMBER_EVENTS,
            lambda owner: HubLink(self._path, self.log, owner, self._lease_s / 5),
            MAX_CACHED_BYTES,
        )
        return await self._start(node)

    async def kill(self, node: BusNode) -> None:
        await super().kill(node)
        await node.bus._link.stop()

    async def dismiss(self, node: BusNode) -> None:
        """The worker ends of itself: the hub removes at once what it holds."""
        await super().kill(node)
        await node.bus.stop()

    async def outage(self) -> None:
        assert self._process is not None
        assert self._link is not None
        self._process.kill()
        self._process.wait()
        self._link.close()
        self.log.open().free(self._process.pid)  # as the supervisor does

    async def recover(self) -> None:
        await self._open(len(self.nodes))

    async def close(self) -> None:
        await super().close()
        if self._process is not None and self._process.poll() is None:
            await self.outage()
        self._memory.close()

    async def _open(self, expected: int) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "revurb.processes.hub"),
                    *("--link", f"1:{theirs.fileno()}", "--stack", "2"),
                    *("--socket", self._path, "--workers", str(expected)),
                    *("--lease", str(self._lease_s), "--event-log", self.log.argument()),
                    *("--max-cached-bytes", str(MAX_CACHED_BYTES)),
                    *("--log-format", "plain", "--log-level", "warning"),
                ],
                pass_fds=(theirs.fileno(), *self.log.all),
                env=dict(os.environ),
            )
        ours.setblocking(False)
        self._link = ours
        said = b""
        while b"ready" not in said:
            said += (got := await asyncio.get_running_loop().sock_recv(ours, 1000))
            assert got, "the hub has ended"


def stop_reading(node: BusNode) -> None:
    """The worker takes nothing more, as one that is stopped or whose loop is blocked."""
    transport: Any = node.bus._link._transport
    transport.pause_reading()
    node.bus._link.log.hold(True)


def go_on_reading(node: BusNode) -> None:
    """The worker goes on, also with what a dead hub has left in its socket."""
    transport: Any = node.bus._link._transport
    if transport is not None:
        transport.resume_reading()
    node.bus._link.log.hold(False)
