"""Real databases for tests: SQLite in a file, PostgreSQL and MariaDB on a Unix socket in a temporary folder."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.client import PATIENCE_S
from tests.conftest import Need

START_S = 60.0


def _found(need: Need, name: str, *places: str) -> str:
    """The path of a program that Debian keeps out of the PATH."""
    for place in places:
        for path in sorted(Path("/").glob(place)):
            return str(path)
    return need(name)


def _user(name: str) -> str | None:
    """Whom a server runs as that refuses to be root's."""
    if os.geteuid():
        return None
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(name).pw_name
    return "nobody"


@contextlib.contextmanager
def _folder(user: str | None) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="revurb-db-", dir="/tmp"))  # a path that a socket's may have
    if user is not None:
        shutil.chown(folder, user)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Database:
    """A server that can be stopped and started. `url` is that of an empty database."""

    def __init__(
        self, command: list[str], url: str, user: str | None, socket_path: Path, ready: tuple[str, ...] = ()
    ) -> None:
        """`ready` is a command that succeeds once the server takes connections, which is later than it listens."""
        self.url = url
        self._ready = ready
        self._command, self._user, self._socket = command, user, socket_path
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=self._user,
        )
        deadline = time.monotonic() + START_S
        while not self._socket.exists() or (
            self._ready and subprocess.run(self._ready, stdout=subprocess.DEVNULL).returncode
        ):
            assert self._process.poll() is None, "the database has ended"
            assert time.monotonic() < deadline, "the database does not start"
            time.sleep(0.02)

    def signal(self, number: int) -> None:
        """Send a signal to the server and the processes of its connections, each of which has a group of its own."""
        assert self._process is not None
        pid = self._process.pid
        for each in (pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())):
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, number)

    def stop(self) -> None:
        if self._process is not None:
            self.signal(
                signal.SIGKILL
            )  # processes of its connections do not end by themselves while they stand still
            self._process.wait(PATIENCE_S)
            self._socket.unlink(missing_ok=True)


def _run(command: list[str], user: str | None) -> None:
    done = subprocess.run(command, capture_output=True, user=user, timeout=START_S, cwd="/")
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()


@contextlib.contextmanager
def _running(database: Database) -> Iterator[None]:
    database.start()
    try:
        yield
    finally:
        database.stop()


@contextlib.contextmanager
def postgres(need: Need) -> Iterator[Database]:
    initdb = _found(need, "initdb", "usr/lib/postgresql/*/bin/initdb")
    user = _user("postgres")
    with _folder(user) as folder:
        data = str(folder / "data")
        _run([initdb, "-D", data, "-U", "me", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"], user)
        program = str(Path(initdb).with_name("postgres"))
        command = [program, "-D", data, "-k", str(folder), "-c", "listen_addresses=", "-F"]
        is_ready = (str(Path(initdb).with_name("pg_isready")), "-q", "-h", str(folder))
        url = f"postgresql+asyncpg://me@/postgres?host={folder}"
        database = Database(command, url, user, folder / ".s.PGSQL.5432", is_ready)
        with _running(database):
            yield database


@contextlib.contextmanager
def mariadb(need: Need) -> Iterator[Database]:
    server = _found(need, "mariadbd", "usr/sbin/mariadbd")
    user = _user("mysql")
    with _folder(user) as folder:
        data, sock = folder / "data", folder / "m.sock"
        install = [need("mariadb-install-db"), "--no-defaults", f"--datadir={data}", "--skip-test-db"]
        _run([*install, "--auth-root-authentication-method=normal"], user)
        (data / "apps").mkdir()
        if user is not None:
            shutil.chown(data / "apps", user)
        command = [server, "--no-defaults", f"--datadir={data}", f"--socket={sock}", "--skip-networking"]
        database = Database(command, f"mysql+aiomysql://root@/apps?unix_socket={sock}", user, sock)
        with _running(database):
            yield database


@contextlib.contextmanager
def sqlite(need: Need) -> Iterator[Database]:
    with _folder(None) as folder:
        yield Database([], f"sqlite+aiosqlite:///{folder}/apps.db", None, folder / "none")


KINDS = {"sqlite": sqlite, "postgres": postgres, "mariadb": mariadb}
