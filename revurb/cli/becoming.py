"""The process of `revurb serve --workers N` becomes another program, of the same pid: see `revurb.cli.supervise`."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from revurb.observe.unblocked_output import hand_over_output
from revurb.processes import start_signals
from revurb.processes.fresh_process import python_command
from revurb.processes.invocation import Invocation

_log = logging.getLogger(__name__)

MODULE = "revurb.cli.supervise"


def become_supervisor(invocation: Invocation, *, is_dev: bool) -> None:
    """Returns only if the system refuses it, or if this process is that of another program, which has called the
    command and may have more to do. `is_dev` is whether the secret of the ready-made app is printed."""
    if not _is_the_command():
        return
    place = invocation.place()
    command = [
        *python_command(place),
        *("-m", MODULE),
        *(("--dev",) if is_dev else ()),
        f"--shown-as={_command_line()}",
        *invocation.arguments(),
    ]
    hand_over_output()
    start_signals.hold()
    try:
        os.execve(place.interpreter, command, dict(invocation.environ))
    except OSError as error:
        start_signals.obey_held()
        _log.warning("going on as the same program", extra={"error": str(error)})


def _is_the_command() -> bool:
    """Whether this process was started as `revurb` or as `python -m revurb`."""
    program = Path(sys.argv[0])
    return program.stem == "revurb" or program.parts[-2:] == ("revurb", "__main__.py")


def _command_line() -> str:
    """That of this process: what looks for the server by its command line finds it."""
    try:
        return Path("/proc/self/cmdline").read_text().rstrip("\0").replace("\0", " ")
    except OSError:
        return " ".join(sys.argv)
