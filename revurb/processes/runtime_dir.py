"""The folder in which a running server is found: one control socket for each, named by its port.

The socket of a server's hub is beside it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

SUFFIX = ".sock"
MAX_SOCKET_PATH_BYTES = 107  # sun_path of unix(7), without the zero at its end


def candidates(configured: str | None) -> list[Path]:
    """Where the folder may be, the first choice first; what is configured is the only choice."""
    if configured is not None:
        return [Path(configured)]
    xdg = os.environ.get("XDG_RUNTIME_DIR", "")
    return [
        *([Path(xdg) / "revurb"] if os.path.isabs(xdg) else []),
        Path("/run/revurb"),
        Path(f"/tmp/revurb-{os.getuid()}"),
    ]


def usable_dir(configured: str | None) -> Path:
    """The folder for a server's socket, made with mode 0700 if it is not there. Raises OSError with the reasons."""
    reasons = []
    for path in candidates(configured):
        try:
            path.mkdir(mode=0o700, exist_ok=True)
            _check_owner(path)
            return path
        except OSError as error:
            reasons.append(f"{path}: {error.strerror or error}")
    raise OSError("; ".join(reasons))


@contextlib.contextmanager
def hub_socket(configured: str | None, port: int) -> Iterator[Path]:
    """A path for the hub of the server on `port`, which is not there behind the block. Where the folder is not to be
    had, it is in one of its own: workers need their hub, `revurb status` or not."""
    name = f"{port}-{os.getpid()}.hub"  # another server may have the port on another address
    with contextlib.ExitStack() as stack:
        try:
            path = usable_dir(configured) / name
        except OSError:
            path = None
        if path is None or len(os.fsencode(path)) > MAX_SOCKET_PATH_BYTES:
            path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="revurb-"))) / name
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)  # of a hub that was killed


def _check_owner(path: Path) -> None:
    """Ours, and nobody else can put a socket there. Raises OSError."""
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(0, "is not a folder")
    if found.st_uid != os.getuid():
        raise PermissionError(0, "belongs to somebody else")
    if found.st_mode & 0o022:
        raise PermissionError(0, "others can write to it")


def control_sockets(configured: str | None) -> Iterator[tuple[Path, socket.socket]]:
    """Each server that answers here, with a connection to it, by port; sockets that nobody answers on are removed.

    root sees those of other users in /run/revurb as well, which only root could have made for them.
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
    """A connection to a server's control socket, None without one: then a stale socket is removed."""
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
