from __future__ import annotations

from pathlib import Path

import pytest

from revurb.config import SETTINGS
from revurb.processes.invocation import Invocation


def test_a_command_line_carries_flags_and_files() -> None:
    given = Invocation(
        flags={"server.path": "/a=b", "log.debug": "true"}, toml_path=Path("r.toml"), env_file=Path("-e")
    )
    found = Invocation.from_arguments(given.arguments())
    assert (found.flags, found.toml_path, found.env_file) == (given.flags, given.toml_path, given.env_file)
    assert Invocation.from_arguments(Invocation().arguments()).flags == {}


def test_no_secret_can_be_a_flag() -> None:
    assert not [setting.key for setting in SETTINGS if setting.option.secret and setting.option.flag]


def test_a_link_to_the_current_release_is_followed_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        text = f"REVERB_APP_ID=1\nREVERB_APP_KEY={name}\nREVERB_APP_SECRET=s\n"
        (tmp_path / name / ".env").write_text(text)
    current = tmp_path / "current"
    current.symlink_to("one")
    monkeypatch.chdir(current)
    monkeypatch.setenv("PWD", str(current))  # as a shell does
    invocation = Invocation(environ={})
    assert invocation.load().apps[0].key == "one"
    current.unlink()
    current.symlink_to("two")
    assert invocation.load().apps[0].key == "two"
