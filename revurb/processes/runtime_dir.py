"""The runtime directory: it has one control socket for each running server, named by its port."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

SUFFIX = ".sock"
MAX_SOCKET_PATH_BYTES = 107  # sun_path of unix(7) without its terminating zero


def candidates(configured: str | None) -> list[Path]:
    """The paths of the runtime directory, in the order in which they are tried; only `configured` if it is given."""
    if configured is not None:
        return [Path(configured)]
    xdg = os.environ.get("XDG_RUNTIME_DIR", "")
    return [
        *([Path(xdg) / "revurb"] if os.path.isabs(xdg) else []),
        Path("/run/revurb"),
        Path(f"/tmp/revurb-{os.getuid()}"),
    ]


def usable_dir(configured: str | None) -> Path:
    """The first of the candidates that is safe for a server's socket, created with mode 0700 if missing. Raises OSError
    with the reason for each one if there is none."""
    reasons = []
    for path in candidates(configured):
        try:
            path.mkdir(mode=0o700, exist_ok=True)
            _check_owner(path)
            return path
        except OSError as error:
            reasons.append(f"{path}: {error.strerror or error}")
    raise OSError("; ".join(reasons))


def _check_owner(path: Path) -> None:
    """Raises OSError unless the directory belongs to this user and no other user can create a socket in it."""
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(0, "is not a folder")
    if status.st_uid != os.getuid():
        raise PermissionError(0, "belongs to somebody else")
    if status.st_mode & 0o022:
        raise PermissionError(0, "others can write to it")


def control_sockets(configured: str | None) -> Iterator[tuple[Path, socket.socket]]:
    """The control sockets of running servers, by port, each with a connection that the caller closes. Sockets on which
    nothing listens are removed.

    For root, those in /run/revurb count whoever owns that directory: only root can have created it for another user.
    """
    for folder in candidates(configured):
        try:
            if not (os.getuid() == 0 and folder == Path("/run/revurb")):
                _check_owner(folder)
            paths = sorted(folder.glob(f"*{SUFFIX}"), key=_port)
        except OSError:
            continue
        for path in paths:
            sock = connect(path)
            if sock is not None:
                yield path, sock


def connect(path: Path) -> socket.socket | None:
    """A connection to a control socket, which the caller closes. None if it cannot be made; a socket on which nothing
    listens is removed."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.connect(str(path))
    except ConnectionRefusedError:
        sock.close()
        with contextlib.suppress(OSError):
            path.unlink()
        return None
    except OSError:
        sock.close()
        return None
    return sock


def _port(path: Path) -> tuple[int, str]:
    port = path.name.removesuffix(SUFFIX).partition("-")[0]
    return (int(port) if port.isdecimal() else 0, path.name)
