"""Certificates of Herd and Valet, found by the public host name."""

from __future__ import annotations

from pathlib import Path

import pytest

from revurb.config.local_certificate import FOLDERS, find_local_certificate
from tests.config.project import Project


def put(home: Path, folder: str, *names: str) -> None:
    (home / folder).mkdir(parents=True, exist_ok=True)
    for name in names:
        (home / folder / name).write_text("x")


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("hostname", ["app.test", "https://app.test", "https://app.test:8080/x"])
def test_both_are_found(tmp_path: Path, folder: str, hostname: str) -> None:
    put(tmp_path, folder, "app.test.crt", "app.test.key")
    found = find_local_certificate(hostname, tmp_path)
    assert found == tuple(str(tmp_path / folder / f"app.test.{kind}") for kind in ("crt", "key"))


def test_herds_goes_before_valets_and_half_of_one_is_none(tmp_path: Path) -> None:
    put(tmp_path, FOLDERS[1], "app.test.crt", "app.test.key")
    put(tmp_path, FOLDERS[0], "app.test.crt")
    found = find_local_certificate("app.test", tmp_path)
    assert found is not None
    assert FOLDERS[1] in found[0]
    put(tmp_path, FOLDERS[0], "app.test.key")
    found = find_local_certificate("app.test", tmp_path)
    assert found is not None
    assert FOLDERS[0] in found[0]


@pytest.mark.parametrize("hostname", ["other.test", "../../app.test", "https://[::1", ""])
def test_others_are_not(tmp_path: Path, hostname: str) -> None:
    put(tmp_path, FOLDERS[1], "app.test.crt", "app.test.key")
    assert find_local_certificate(hostname, tmp_path) is None


def test_it_is_used_unless_another_is_configured(project: Project) -> None:
    put(project.root, FOLDERS[1], "app.test.crt", "app.test.key")
    environ = {"HOME": str(project.root), "REVERB_HOST": "app.test"}
    config = project.load(environ)
    assert config.tls.cert == str(project.root / FOLDERS[1] / "app.test.crt")
    assert config.provenance["tls.key"] == "Herd or Valet, for app.test"
    assert project.load({"REVERB_HOST": "app.test"}).tls.cert is None
    assert project.load({"HOME": str(project.root)}).tls.cert is None
    project.write("own.pem", "x")
    own = {**environ, "REVURB_TLS_CERT": "own.pem", "REVURB_TLS_KEY": "own.pem"}
    assert project.load(own).tls.cert == str(project.root / "own.pem")
