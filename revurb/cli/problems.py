"""How a command ends that cannot do what it was told to: lines on standard error, or of a JSON log, and an exit code.

Without click, which a supervisor would hand on to all its processes (`revurb.cli.supervise`).
"""

from __future__ import annotations

import logging
import sys
from typing import NoReturn

from revurb.config import ConfigError
from revurb.observe.logs import configure_logging
from revurb.observe.printable import escape_lines

_log = logging.getLogger(__name__)


def exit_with_problems(error: ConfigError) -> NoReturn:
    """Prints the problems on standard error, one a line, and exits with 2."""
    print("The configuration cannot be used:", file=sys.stderr)
    for problem in error.problems:
        print(escape_lines(f"  {problem}"), file=sys.stderr)
    sys.exit(2)


def end_start_with_problems(error: ConfigError, log_format: str) -> NoReturn:
    """The same for a server. Its problems are lines of JSON where those were asked for."""
    if log_format != "json":
        exit_with_problems(error)
    configure_logging("json", "info")
    for problem in error.problems:
        _log.error("the configuration cannot be used", extra={"problem": problem})
    sys.exit(2)


def end_start(reason: str, log_format: str) -> NoReturn:
    """Ends a server that cannot run for another reason, with 1."""
    if log_format == "json":
        _log.error("the server cannot run", extra={"reason": reason})
    else:
        print(escape_lines(f"revurb: {reason}"), file=sys.stderr)
    sys.exit(1)
