"""Declares the options of processes: their number, and what happens to one that hangs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from revurb.config.option import Option

AUTO_WORKERS = 0  # one for each processor


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessConfig:
    """The number of workers, which may be `AUTO_WORKERS`, and the limits of the watchdog."""

    workers: Annotated[
        int,
        Option(
            env="REVURB_WORKERS",
            flag="--workers",
            minimum=1,
            maximum=256,
            keywords={"auto": AUTO_WORKERS},
            allowed="auto, or an integer from 1 to 256",
            doc="Processes that serve clients; auto is one for each processor. With more than one, a supervisor "
            "starts, watches and replaces them.",
        ),
    ] = 1
    watchdog_warn_s: Annotated[
        float,
        Option(
            env="REVURB_WATCHDOG_WARN",
            minimum=0.1,
            doc="Seconds without a heartbeat after which the stack of a process is logged.",
        ),
    ] = 5.0
    watchdog_kill_s: Annotated[
        float | None,
        Option(
            env="REVURB_WATCHDOG_KILL",
            minimum=0.1,
            doc="Seconds without a heartbeat after which a worker is killed and replaced; without a value it is "
            "left alone.",
        ),
    ] = 30.0
    runtime_dir: Annotated[
        str | None,
        Option(
            env="REVURB_RUNTIME_DIR",
            is_path=True,
            doc="Folder of the sockets by which `revurb status`, `stop` and `restart` find the server; without a value "
            "the first that can be used of `$XDG_RUNTIME_DIR/revurb`, `/run/revurb` and `/tmp/revurb-UID`.",
        ),
    ] = None
