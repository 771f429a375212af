"""How a command ends that cannot go on: with one line, which says what is wrong and what to do, and its exit code."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import traceback
from pathlib import Path
from typing import NoReturn

import click

from revurb.cli.exit_codes import FAILED, UNUSABLE
from revurb.observe.printable import escape_lines, escape_unprintable

# Of standard output: on a disk that is full, over a limit (`ulimit -f`), a terminal that is gone, not open for writing.
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
_PACKAGE = Path(__file__).parents[1]


class UnusableCommandLine(click.ClickException):
    """What click says of a command line, on one line."""

    exit_code = UNUSABLE


def on_one_line(error: click.UsageError) -> UnusableCommandLine:
    """The error without the lines about usage. What click has found is explained by the help; what a command finds says
    what to do."""
    text = error.format_message()
    if error.ctx is not None:
        text = f"{text.rstrip('.')}; see {error.ctx.command_path} --help"
    return UnusableCommandLine(text)


def shows_help(error: click.UsageError) -> bool:
    """Whether it only says that there was no argument (click 8.2 and later)."""
    return type(error).__name__ == "NoArgsIsHelpError"


def end_with_line(error: click.ClickException) -> NoReturn:
    """End with what a command could say itself."""
    click.echo(f"Error: {escape_lines(error.format_message())}", err=True)
    sys.exit(error.exit_code)


def end_without_output(error: OSError) -> NoReturn:
    """End where standard output is on a disk that is full, for example."""
    click.echo(f"Error: standard output cannot be written: {error.strerror}", err=True)
    with contextlib.suppress(OSError):  # what is still in the buffer, at the exit, would fail again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(FAILED)


def end_with_fault(error: Exception) -> NoReturn:
    """End where nobody has thought of the error. A file that cannot be used is named, else the place in the code."""
    if isinstance(error, OSError) and error.strerror and isinstance(error.filename, str):
        text = f"{error.filename}: {error.strerror}"
    else:
        places = [
            frame
            for frame in traceback.extract_tb(error.__traceback__)
            if Path(frame.filename).is_relative_to(_PACKAGE)
        ]
        where = (
            f", in {Path(places[-1].filename).relative_to(_PACKAGE)}, line {places[-1].lineno}"
            if places
            else ""
        )
        text = f"a fault of revurb, please report it: {type(error).__name__}: {error}{where}"
    click.echo(f"Error: {escape_unprintable(text)}", err=True)
    sys.exit(FAILED)
