"""Starts a server whose command line is plain, without click: a process keeps what it has imported, and click takes
1.2 MiB.

Plain is `revurb serve` with flags that there are, and a value behind each that takes one. Everything else (help, a
mistake, completion in a shell) is click's, which decides what is right: what is taken here, it takes as well.
"""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

VERBS = ("serve", "start")
COMPLETION_NAME = "_REVURB_COMPLETE"  # click's, by which a shell asks what may come next


@dataclass(slots=True)
class PlainCommandLine:
    """What the arguments say; `flags` by the dotted keys of their options: texts, and True for switches."""

    flags: dict[str, object] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    is_dev: bool = False


def serve_plainly(arguments: Sequence[str]) -> bool:
    """Serve, and exit the process, if `arguments` are plain. Otherwise returns with nothing done but how signals are
    obeyed while a server starts."""
    if not arguments or arguments[0] not in VERBS or COMPLETION_NAME in os.environ:
        return False
    # Before all else, which takes a quarter of a second.
    from revurb.processes.start_signals import obey_while_starting

    obey_while_starting()
    given = read_plainly(arguments[1:])
    if given is None:
        return False
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # as `revurb.cli.main` does
    from revurb.cli.serving import start_server

    _end_as_a_command(
        lambda: start_server(
            given.flags,
            is_dev=given.is_dev,
            config=given.files.get("--config"),
            env_file=given.files.get("--env-file"),
        )
    )
    return True


def read_plainly(arguments: Sequence[str]) -> PlainCommandLine | None:
    """The flags of `revurb serve`; None if they are not plain."""
    from revurb.config import SETTINGS

    known = {setting.option.flag: setting for setting in SETTINGS if setting.option.flag is not None}
    given, rest = PlainCommandLine(), iter(arguments)
    for argument in rest:
        flag, equals, value = argument.partition("=")
        setting = known.get(flag)
        is_switch = flag == "--dev" or (setting is not None and setting.kind == "boolean")
        if is_switch and equals:
            return None
        if not is_switch and not equals:
            value = next(rest, "-")
            if value.startswith("-"):  # another flag, most likely
                return None
        if flag == "--dev":
            given.is_dev = True
        elif flag in ("--config", "--env-file"):
            if not os.access(value, os.R_OK):
                return None
            given.files[flag] = Path(value)
        elif setting is not None:
            given.flags[setting.key] = True if is_switch else value
        else:
            return None
    return given


def _end_as_a_command(serve: Callable[[], None]) -> None:
    """Serve, and end as `revurb.cli.main` and click have a server end where output cannot be written."""
    try:
        serve()
    except (KeyboardInterrupt, EOFError):
        sys.exit(128 + signal.SIGINT)
    except OSError as error:
        if error.filename is not None:
            raise
        from revurb.cli.endings import UNWRITABLE, end_without_output

        if error.errno == errno.EPIPE:  # nobody reads it any more: not even that
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        if error.errno in UNWRITABLE:
            end_without_output(error)
        raise
