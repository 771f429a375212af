from __future__ import annotations

import logging
from pathlib import Path

import pytest

from revurb.webhooks.dead_letter_file import MAX_QUEUED_BYTES, DeadLetterFile

WAIT_S = 60


def test_lines_are_appended_and_for_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "dead.jsonl"
    for line in (b"1", b"2"):
        file = DeadLetterFile(str(path))
        file.append(line)
        file.append(line)
        file.close(WAIT_S)
    assert path.read_bytes() == b"1\n1\n2\n2\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_full_file_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "dead.jsonl"
    file = DeadLetterFile(str(path), max_file_bytes=10)
    for number in range(10):
        file.append(b"%03d" % number)
    file.close(WAIT_S)
    assert path.read_bytes() == b"008\n009\n"
    assert (tmp_path / "dead.jsonl.1").read_bytes() == b"006\n007\n"


def test_a_file_that_cannot_be_written_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "missing" / "dead.jsonl"
    file = DeadLetterFile(str(path))
    file.append(b"1")
    file.append(b"2")
    file.close(WAIT_S)
    assert file.lines_dropped == 2
    assert [(record.levelno, record.__dict__["reason"]) for record in caplog.records] == [
        (logging.WARNING, "No such file or directory")
    ]


def test_what_does_not_fit_into_the_queue_is_counted(tmp_path: Path) -> None:
    file = DeadLetterFile(str(tmp_path / "dead.jsonl"))
    file.append(b"x" * (MAX_QUEUED_BYTES + 1))
    assert file.lines_dropped == 1
    file.append(b"1")
    file.close(WAIT_S)
    assert (tmp_path / "dead.jsonl").read_bytes() == b"1\n"
    file.close(WAIT_S)
