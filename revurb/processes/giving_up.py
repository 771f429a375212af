"""When a supervisor ends the server instead of starting another process: if that would fail alike.

To go on for ever would look like a server that runs, and keep systemd or Docker from doing something about it. While a
worker serves, nothing ends the server.
"""

from __future__ import annotations

from revurb.processes.child import Child, exit_text
from revurb.processes.slot import Slot
from revurb.processes.supervision_link import StartFailed
from revurb.processes.worker_pool import WorkerPool

START_TRIES = 4  # of one slot while the server starts, of each slot later


class GaveUp(Exception):
    """The server cannot run, for the reasons in `problems`. `configuration` is whether they are those of a
    ConfigError."""

    def __init__(self, problems: tuple[str, ...], *, configuration: bool = False) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
        self.configuration = configuration


def after_exit(
    slot: Slot, child: Child, code: int, workers: WorkerPool, *, is_starting: bool
) -> GaveUp | None:
    """Why the server is to end after `child` of `slot` ended with `code`; None if another process is to take its
    place."""
    failure, failures = child.failure, slot.failures_in_a_row
    if failure is None and ((is_starting and failures >= START_TRIES) or _nobody_starts(workers)):
        failure = StartFailed((f"{slot.name} does not start: it ended {failures} times ({exit_text(code)})",))
    if failure is None or (workers.serving and not is_starting):
        return None
    return GaveUp(failure.problems, configuration=failure.configuration)


def after_start_error(slot: Slot, error: OSError, workers: WorkerPool) -> GaveUp | None:
    """The same after no process could be started for `slot`."""
    return GaveUp((f"{slot.name} cannot be started: {error}",)) if _nobody_starts(workers) else None


def _nobody_starts(workers: WorkerPool) -> bool:
    """Whether no worker serves, nor has one got ready in the last tries of each slot."""
    return not workers.serving and all(slot.failed_starts >= START_TRIES for slot in workers.slots)
