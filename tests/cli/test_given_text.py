"""Texts in files and on standard input, as they come from scripts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from revurb.cli.endings import UnusableCommandLine
from revurb.cli.given_text import MAX_SECRET_BYTES, secret_of_file, stdin_text
from tests.cli.conftest import Project, process_environment


def test_a_secret_is_a_line(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hush-hush\n")
    assert secret_of_file("--token-file", tmp_path / "token", "a token") == "hush-hush"
    (tmp_path / "token").write_text("hüsh\n", "utf-8")
    assert secret_of_file("--secret-file", tmp_path / "token", "a secret", encoding="utf-8") == "hüsh"


@pytest.mark.parametrize("found", [b"", b" \n", b"\xff", b"hush\nhush", b"h" * (MAX_SECRET_BYTES + 1)])
def test_what_is_none_is_not_shown(tmp_path: Path, found: bytes) -> None:
    (tmp_path / "token").write_bytes(found)
    with pytest.raises(UnusableCommandLine) as error:
        secret_of_file("--token-file", tmp_path / "token", "a token")
    assert error.value.message == f"--token-file: {tmp_path / 'token'} has none; allowed: a token"


def test_a_file_without_end_is_not_waited_for() -> None:
    with pytest.raises(UnusableCommandLine, match="has none"):
        secret_of_file("--token-file", Path("/dev/zero"), "a token")
    with pytest.raises(UnusableCommandLine, match="cannot be read: Is a directory"):
        secret_of_file("--token-file", Path("/"), "a token")


@pytest.mark.parametrize(
    "command", ["trigger orders created -", "auth 1.2 private-encrypted-a --master-key-file -"]
)
def test_standard_input_may_be_closed(project: Project, command: str) -> None:
    run = ["sh", "-c", f'exec "$0" -m revurb {command} <&-', sys.executable]
    done = subprocess.run(
        run, cwd=project.root, env=process_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.endswith("standard input is closed, so - cannot be read\n")
    assert done.stderr.count("\n") == 1


def test_standard_input_is_text(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.root / "binary").write_bytes(b"ok\xff")
    with (project.root / "binary").open(encoding="utf-8") as file:
        monkeypatch.setattr(sys, "stdin", file)
        with pytest.raises(UnusableCommandLine, match="DATA: standard input is not UTF-8 at byte 2"):
            stdin_text("DATA")
