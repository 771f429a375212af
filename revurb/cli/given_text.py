"""Texts that are given in a file or on standard input: secrets, which no command line may show, and data."""

from __future__ import annotations

import sys
from pathlib import Path

from revurb.cli.endings import UnusableCommandLine

MAX_SECRET_BYTES = 4096


def secret_of_file(option: str, path: Path, allowed: str, *, encoding: str = "ascii") -> str:
    """The line in a file, or on standard input for "-". Exits with 2 if it cannot be read, or is no printable line;
    what was found is not shown, and `allowed` is what should be there."""
    if str(path) == "-":
        data = _stdin_bytes(option, MAX_SECRET_BYTES + 1)
    else:
        try:
            with path.open("rb") as file:
                data = file.read(MAX_SECRET_BYTES + 1)
        except OSError as error:
            raise UnusableCommandLine(f"{option}: {path} cannot be read: {error.strerror}") from None
    try:
        secret = data.decode(encoding).strip()
    except UnicodeDecodeError:
        secret = ""
    if not secret or not secret.isprintable() or len(data) > MAX_SECRET_BYTES:
        raise UnusableCommandLine(f"{option}: {path} has none; allowed: {allowed}")
    return secret


def stdin_text(name: str) -> str:
    """All of standard input. Exits with 2 if it is closed, or not UTF-8."""
    try:
        return _stdin_bytes(name).decode()
    except UnicodeDecodeError as error:
        raise UnusableCommandLine(
            f"{name}: standard input is not UTF-8 at byte {error.start}; allowed: text in UTF-8"
        ) from None


def _stdin_bytes(name: str, most: int = -1) -> bytes:
    if sys.stdin is None:  # closed by who started this
        raise UnusableCommandLine(f"{name}: standard input is closed, so - cannot be read")
    try:
        return sys.stdin.buffer.read(most)
    except OSError as error:
        raise UnusableCommandLine(f"{name}: standard input cannot be read: {error.strerror}") from None
