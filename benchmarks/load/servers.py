"""Servers to measure: a Revurb and a raw uWebSockets that are started here, on core 0, or one that runs already."""

from __future__ import annotations

import ctypes
import importlib.util
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load.generator import BASELINE, Target, build


@dataclass(frozen=True, slots=True)
class Server:
    """One of those that take turns. `open` gives it for a while; `fresh` says that it is a new process each time."""

    name: str
    open: Callable[[], AbstractContextManager[Target]]
    fresh: bool


def running(target: Target) -> Server:
    """A server that somebody else has started, and will stop."""
    return Server(target.name, lambda: nullcontext(target), fresh=False)


def revurb(
    *arguments: str, name: str = "revurb", python: str = sys.executable, folder: Path | None = None
) -> Server:
    """`revurb serve --dev`, with more arguments if there are any. It runs in the folder: a Revurb that is in there
    goes before the one that `python` has installed."""
    command = [python, "-m", "revurb", "serve", "--dev", "--port", "0", *arguments]
    return Server(name, lambda: _started(name, command, folder=folder), fresh=True)


def uwebsockets() -> Server | None:
    """The C++ library by itself (baseline/uwebsockets.c); None, and a line to say why, where it cannot be had."""
    package = importlib.util.find_spec("socketify")
    if package is None or package.origin is None:
        print("uWebSockets is left out: pip install 'revurb[peers]' has it on Linux, x86-64", file=sys.stderr)
        return None
    library = Path(package.origin).with_name("libsocketify_linux_amd64.so")
    try:
        ctypes.CDLL(str(library))
    except OSError as error:
        print(f"uWebSockets is left out: {error} (apt-get install libuv1)", file=sys.stderr)
        return None
    command = [str(build(BASELINE / "uwebsockets.c")), str(library), "0"]
    return Server("uwebsockets", lambda: _started("uwebsockets", command, presence=False), fresh=True)


@contextmanager
def _started(
    name: str, command: list[str], *, presence: bool = True, folder: Path | None = None
) -> Iterator[Target]:
    """Runs the command until the block is left; its output must say where it listens, as both of ours do."""
    process = subprocess.Popen(
        ["taskset", "-c", "0", *command],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = (re.search(r"listening on \S+?:(\d+)", line) for line in process.stdout)
        found = next(filter(None, lines), None)
        if found is None:
            raise RuntimeError(f"{name} did not start on this {platform.machine()}")
        yield Target(name, int(found[1]), (process.pid,), presence=presence)
    finally:
        process.terminate()
        process.communicate(timeout=30)
