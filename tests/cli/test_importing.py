"""`revurb import`."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.cli.conftest import Project

STOCK = (Path(__file__).parents[1] / "config" / "laravel" / "reverb.php").read_text()


@pytest.fixture
def laravel(project: Project) -> Project:
    (project.root / "config").mkdir()
    project.write("config/reverb.php", STOCK.replace("['*']", "['a.com']"))
    return project


def test_a_file_is_written_and_in_force(laravel: Project) -> None:
    assert "apps.1.allowed_origins is a.com, here *" in laravel.run("config", "check").stderr
    result = laravel.run("import")
    assert (result.exit_code, result.output) == (
        0,
        "Wrote revurb.toml; revurb config show lists what is in force\n",
    )
    assert stat.S_IMODE((laravel.root / "revurb.toml").stat().st_mode) == 0o600
    result = laravel.run("config", "check")
    assert (result.stdout, result.stderr) == ("ok\n", "")


def test_a_file_that_is_there_is_not_replaced(laravel: Project) -> None:
    laravel.write("revurb.toml", "# mine\n")
    result = laravel.run("import")
    assert (result.exit_code, result.output) == (
        1,
        "Error: revurb.toml is there already: --force replaces it, --output - prints\n",
    )
    assert (laravel.root / "revurb.toml").read_text() == "# mine\n"
    assert laravel.run("import", "--force").exit_code == 0
    assert "a.com" in (laravel.root / "revurb.toml").read_text()


def test_it_can_be_printed_and_says_what_is_left_out(laravel: Project) -> None:
    laravel.write("other.php", STOCK.replace("['*']", "f(\x1b)"))
    result = laravel.run("import", "other.php", "--output", "-")
    assert result.stdout.startswith("# From other.php")
    assert result.stderr == (
        "warning: not taken over: apps.1.allowed_origins cannot be read (line 43: f(\\x1b))\n"
        "warning: not taken over: apps.1.allowed_origins lets in no page until it is set\n"
    )
    assert not (laravel.root / "revurb.toml").exists()


def test_what_cannot_be_read_or_written(laravel: Project) -> None:
    result = laravel.run("import", "none.php")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "none.php: cannot be read: No such file or directory" in result.stderr
    result = laravel.run("import", "--output", "none/revurb.toml")
    assert (result.exit_code, result.output) == (
        1,
        "Error: none/revurb.toml cannot be written: No such file or directory\n",
    )
