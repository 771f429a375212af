"""Files that verbs write."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import click
import pytest

from revurb.cli.new_file import EVERYBODY, check_writable, write_new_file


def test_one_that_is_replaced_keeps_its_link_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    target.chmod(0o644)
    link.symlink_to(target)
    write_new_file(link, "new", is_forced=True)
    assert link.is_symlink()
    assert (target.read_text(), stat.S_IMODE(target.stat().st_mode)) == ("new", 0o600)
    assert sorted(tmp_path.iterdir()) == [link, target]


def test_the_mode_may_be_that_of_others(tmp_path: Path) -> None:
    umask = os.umask(0o022)
    try:
        write_new_file(tmp_path / "report", b"\x89PNG", is_forced=False, mode=EVERYBODY)
    finally:
        os.umask(umask)
    assert stat.S_IMODE((tmp_path / "report").stat().st_mode) == 0o644


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing/file", "No such file or directory"),
        ("folder", "Is a directory"),
        ("x" * 300, "File name too long"),
    ],
)
@pytest.mark.parametrize("is_forced", [False, True])
def test_what_cannot_be_written_is_said(tmp_path: Path, name: str, reason: str, is_forced: bool) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(click.ClickException) as error:
        write_new_file(tmp_path / name, "text", is_forced=is_forced)
    assert error.value.message == f"{tmp_path / name} cannot be written: {reason}"


def test_a_disk_that_is_full_is_said() -> None:
    with pytest.raises(click.ClickException, match="/dev/full cannot be written: No space left on device"):
        write_new_file(Path("/dev/full"), "text", is_forced=False)


def test_whether_it_can_be_written_is_known_before(tmp_path: Path) -> None:
    check_writable(tmp_path / "new.json")
    check_writable(Path("/dev/null"))
    for path, reason in ((tmp_path, "Is a directory"), (tmp_path / "no" / "x", "No such file or directory")):
        with pytest.raises(click.ClickException, match=f"cannot be written: {reason}"):
            check_writable(path)
    assert list(tmp_path.iterdir()) == []
