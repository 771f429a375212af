from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from revurb.processes.runtime_dir import (
    candidates,
    connect,
    control_sockets,
    usable_dir,
)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="revurb-") as path:  # short, as paths of sockets must be
        yield Path(path)


def test_a_configured_folder_is_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert candidates("/run/mine") == [Path("/run/mine")]
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1")
    assert candidates(None)[0] == Path("/run/user/1/revurb")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "relative")
    assert candidates(None)[0] == Path("/run/revurb")


def test_it_is_made_for_its_owner_only(folder: Path) -> None:
    path = usable_dir(str(folder / "new"))
    assert path.stat().st_mode & 0o777 == 0o700


def test_one_that_others_can_write_to_is_refused(folder: Path) -> None:
    folder.chmod(0o777)
    with pytest.raises(OSError, match="others can write to it"):
        usable_dir(str(folder))
    (folder / "file").touch()
    with pytest.raises(OSError, match="file: "):
        usable_dir(str(folder / "file"))


def test_servers_are_found_by_port_and_stale_sockets_removed(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as nine, socket.socket(socket.AF_UNIX) as eighty:
        for listener, name in ((nine, "9.sock"), (eighty, "80-7.sock")):
            listener.bind(str(folder / name))
            listener.listen()
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(folder / "1.sock"))
        found = list(control_sockets(str(folder)))
        for _, connection in found:
            connection.close()
    assert [path.name for path, _ in found] == ["9.sock", "80-7.sock"]
    assert not (folder / "1.sock").exists()
    assert connect(folder / "none.sock") is None
