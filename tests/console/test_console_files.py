"""The files of the console as they are served."""

from __future__ import annotations

from pathlib import Path

import pytest

from revurb.console.console_files import FOLDER, POLICY, ConsoleFiles
from revurb.wire.http import Request
from revurb.wire.response import Response


def find(files: ConsoleFiles, path: str, **headers: str) -> Response | None:
    return files.find(Request("GET", path, "", headers, b"", "1.1", True, False))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "console"
    (folder / "charts").mkdir(parents=True)
    for name in ("index.html", "console.css", "charts/line.mjs", "logo.svg", "notes.txt"):
        (folder / name).write_text(name)
    (tmp_path / "secret.html").write_text("secret")
    return folder


def test_each_file_has_its_type(folder: Path) -> None:
    files = ConsoleFiles(folder)
    for path, content_type in {
        "/console/": "text/html; charset=utf-8",
        "/console/index.html": "text/html; charset=utf-8",
        "/console/console.css": "text/css; charset=utf-8",
        "/console/charts/line.mjs": "text/javascript; charset=utf-8",
        "/console/logo.svg": "image/svg+xml",
    }.items():
        found = find(files, path)
        assert found is not None
        assert (found.status, found.content_type) == (200, content_type)
        assert {
            ("Content-Security-Policy", POLICY),
            ("X-Content-Type-Options", "nosniff"),
            ("Cache-Control", "no-cache"),
        } <= set(found.headers)


@pytest.mark.parametrize(
    "path",
    [
        "/console/notes.txt",
        "/console/missing.html",
        "/console/../secret.html",
        "/console/%2e%2e/secret.html",
        "/console//index.html",
        "/console/charts",
        "/index.html",
    ],
)
def test_nothing_else_is_there(folder: Path, path: str) -> None:
    assert find(ConsoleFiles(folder), path) is None


def test_what_a_browser_has_is_not_sent_again(folder: Path) -> None:
    files = ConsoleFiles(folder)
    first = find(files, "/console/")
    assert first is not None
    etag = dict(first.headers)["ETag"]
    for given in (etag, f'W/{etag}, "other"', "*"):
        again = find(files, "/console/", **{"if-none-match": given})
        assert again is not None
        assert (again.status, again.body) == (304, b"")
    changed = find(files, "/console/", **{"if-none-match": '"other"'})
    assert changed is not None
    assert changed.status == 200


def test_the_policy_allows_own_scripts_and_nothing_inline() -> None:
    assert "default-src 'none'" in POLICY
    assert "'unsafe" not in POLICY


def test_every_file_of_the_pages_is_served() -> None:
    """A file of another type would be in the package for nothing."""
    files = ConsoleFiles()
    for path in FOLDER.rglob("*"):
        if path.is_file():
            assert find(files, f"/console/{path.relative_to(FOLDER).as_posix()}") is not None, path
