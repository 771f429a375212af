"""`revurb serve --workers N` under measurement: its processes by name, and the CPU time of each."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from revurb.processes.control_socket import ControlRequest, send_control_request
from revurb.processes.runtime_dir import control_sockets

T = TypeVar("T")
PATIENCE_S = 10.0
SAMPLE_S = 0.05
NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Cluster:
    """`pids` by the names of `revurb status`: "worker 0", "hub"; "node" is one process by itself."""

    port: int
    pids: dict[str, int]

    def cpu_s(self) -> dict[str, float]:
        return cpu_s(self.pids)

    def shares_of_the_end(self, run: Callable[[], T], over_s: float) -> tuple[T, dict[str, float]]:
        """What `run` gives, and what part of the CPU time of its last `over_s` seconds each process took."""
        samples: list[tuple[float, dict[str, float]]] = []
        done = threading.Event()

        def sample() -> None:
            while not done.wait(SAMPLE_S):
                samples.append((time.monotonic(), self.cpu_s()))

        sampler = threading.Thread(target=sample)
        sampler.start()
        try:
            result = run()
        finally:
            done.set()
            sampler.join()
        since = samples[-1][0] - over_s
        first = next(cpu_s for at, cpu_s in samples if at >= since)
        used = {name: cpu_s - first[name] for name, cpu_s in samples[-1][1].items()}
        total = sum(used.values())
        return result, {name: cpu_s / total for name, cpu_s in used.items()}


def cpu_s(pids: Mapping[str, int]) -> dict[str, float]:
    """CPU seconds that each process has used so far; they have one thread that works."""
    return {
        name: int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9 for name, pid in pids.items()
    }


@contextmanager
def serving(workers: int, environment: Mapping[str, str] = NOTHING) -> Iterator[Cluster]:
    """That many workers, wherever the kernel lets them run. `environment` is set besides what is set already."""
    with tempfile.TemporaryDirectory(prefix="revurb-") as folder:  # short: it holds a Unix socket
        arguments = ["serve", "--dev", "--port", "0", "--workers", str(workers)]
        process = subprocess.Popen(
            [sys.executable, "-m", "revurb", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **environment, "REVURB_RUNTIME_DIR": folder},
        )
        try:
            assert process.stdout is not None
            lines = (re.search(r"listening on \S+?:(\d+)", line) for line in process.stdout)
            found = next(filter(None, lines), None)
            if found is None:
                raise RuntimeError(f"{workers} workers did not start")
            ((_, control),) = control_sockets(folder)
            with control:
                status = send_control_request(control, ControlRequest("status"), PATIENCE_S).status
            assert status is not None
            pids = {row.process: row.pid for row in status.processes if row.pid is not None}
            yield Cluster(int(found[1]), pids)
        finally:
            process.terminate()
            process.communicate(timeout=30)
