"""Writes a file that a verb makes: nothing that is there is replaced unasked, and what has secrets is the owner's."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import click

OWNER_ALONE, EVERYBODY = 0o600, 0o666  # less the umask


def write_new_file(path: Path, content: str | bytes, *, is_forced: bool, mode: int = OWNER_ALONE) -> None:
    """Write a file that was not there; with `is_forced` one that may have been, which is replaced when the new one is
    whole, and has this mode too. Exits with 1 if it cannot be written, and leaves nothing half done."""
    data = content.encode() if isinstance(content, str) else content
    try:
        if path.exists() and not path.is_file():  # /dev/stdout, a pipe, a folder
            path.write_bytes(data)
        elif is_forced:
            target = path.resolve()  # a link stays one
            unfinished = target.with_name(f".{target.name}.{os.getpid()}.new")
            _write(unfinished, data, mode)
            unfinished.replace(target)
        else:
            _write(path, data, mode)
    except FileExistsError:
        raise click.ClickException(
            f"{path} is there already: --force replaces it, --output - prints"
        ) from None
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from error


def check_writable(path: Path) -> None:
    """Exits with 1 if a file cannot be written there, as far as can be seen before."""
    folder = path.resolve().parent  # where a link leads
    if path.is_dir():
        reason = errno.EISDIR
    elif not folder.is_dir():
        reason = errno.ENOENT
    elif not os.access(path if path.exists() and not path.is_file() else folder, os.W_OK):
        reason = errno.EACCES
    else:
        return
    raise click.ClickException(f"{path} cannot be written: {os.strerror(reason)}")


def _write(path: Path, data: bytes, mode: int) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb", buffering=0) as written:
        try:
            view = memoryview(data)
            while view:  # a disk that is nearly full takes a part
                view = view[written.write(view) :]
        except OSError:
            path.unlink()
            raise
