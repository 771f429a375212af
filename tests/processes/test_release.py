from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from revurb.processes.release import MAX_DEPTH, in_current_release, working_directory
from tests.conftest import Run
from tests.http_client import http
from tests.processes.serving import serving

NO_PWD: dict[str, str] = {}


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A folder of deploys: two releases, and a link to the first."""
    for name in ("1", "2"):
        (tmp_path / "releases" / name / "backend").mkdir(parents=True)
    (tmp_path / "current").symlink_to("releases/1")
    return tmp_path


def point(link: Path, target: str) -> None:
    """Point the link elsewhere as `ln -sfn` does."""
    link.unlink()
    link.symlink_to(target)


def test_the_name_in_pwd_is_kept(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (app / "live").symlink_to("releases/1")
    monkeypatch.chdir(app / "live")
    assert working_directory({"PWD": str(app / "live")}) == app / "live"


@pytest.mark.parametrize("entered", ["", "relative", "/", "/not/there", "/not\ud800there"])
def test_a_pwd_that_is_not_the_working_directory(
    app: Path, monkeypatch: pytest.MonkeyPatch, entered: str
) -> None:
    monkeypatch.chdir(app / "releases")
    assert working_directory({"PWD": entered}) == app / "releases"


@pytest.mark.parametrize("pwd", ["", "releases/1"])
def test_a_link_is_found_where_a_service_manager_names_only_the_folder(
    app: Path, monkeypatch: pytest.MonkeyPatch, pwd: str
) -> None:
    monkeypatch.chdir(app / "current")
    assert working_directory({"PWD": pwd and str(app / pwd)}) == app / "current"


def test_a_link_beside_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "v1").mkdir()
    (tmp_path / "live").symlink_to(tmp_path / "v1")
    monkeypatch.chdir(tmp_path / "live")
    assert working_directory(NO_PWD) == tmp_path / "live"


def test_a_folder_in_the_release(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(app / "current" / "backend")
    assert working_directory(NO_PWD) == app / "current" / "backend"


def test_a_folder_too_deep_in_the_release(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = Path("releases/1", *"x" * MAX_DEPTH)
    (app / deep).mkdir(parents=True)
    monkeypatch.chdir(app / deep)
    assert working_directory(NO_PWD) == app / deep


def test_current_counts_where_there_are_several_links(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (app / "release").symlink_to("releases/1")  # Deployer's, while a deploy is under way
    monkeypatch.chdir(app / "current")
    assert working_directory(NO_PWD) == app / "current"


def test_of_several_others_none_counts(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point(app / "current", "releases/2")
    for name in ("old", "older"):
        (app / name).symlink_to("releases/1")
    monkeypatch.chdir(app / "releases/1")
    assert working_directory(NO_PWD) == app / "releases/1"


def test_links_that_lead_elsewhere(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point(app / "current", "releases/2")
    (app / "lost").symlink_to("nowhere")
    (app / "round").symlink_to("round")
    monkeypatch.chdir(app / "releases/1")
    assert working_directory(NO_PWD) == app / "releases/1"


def test_a_file_of_a_release_is_that_of_the_present_one(app: Path) -> None:
    for name in ("1", "2"):
        (app / "releases" / name / "python").touch()
    (app / "releases/1/only-old").touch()
    old, cwd = app / "releases/1", app / "current"
    point(app / "current", "releases/2")
    for started_in, entered in ((old, cwd), (old / "backend", cwd / "backend")):
        assert in_current_release(old / "python", entered, started_in) == app / "current/python"
        assert in_current_release(old / "only-old", entered, started_in) == old / "only-old"
        assert in_current_release(Path("/usr/bin/env"), entered, started_in) == Path("/usr/bin/env")
    assert in_current_release(old / "python", old, old) == old / "python"


def test_a_restart_serves_the_present_release(app: Path, run: Run) -> None:
    for name in ("1", "2"):
        (app / "releases" / name / ".env").write_text(f"REVERB_SERVER_PATH=/v{name}\n")

    async def status(path: str) -> int:
        async with http(server.port) as client:
            return (await client.request("GET", path)).status

    with serving(app / "current", "--workers", "2") as server:  # its environment has no PWD
        assert run(status("/v1/up")) == 200
        point(app / "current", "releases/2")
        shutil.rmtree(app / "releases/1")
        server.signal(signal.SIGHUP)
        server.said("message=restarted|restarted ")
        assert run(status("/v2/up")) == 200
        assert run(status("/v1/up")) == 404
        assert f"directory={app / 'current'}" in server.output
        assert os.path.isdir(app / "releases/2")
