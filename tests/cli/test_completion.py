"""The Tab key, in real shells."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from revurb.cli.completion import _home
from tests.cli.conftest import Project, process_environment
from tests.conftest import Need


@pytest.fixture
def home(project: Project, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With a `revurb` on the path, as an installation has it."""
    program = project.root / "bin" / "revurb"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m revurb "$@"\n')
    program.chmod(0o755)
    for name, value in process_environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(project.root))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "BASH_COMPLETION_USER_DIR", "ZDOTDIR", "FPATH"):
        monkeypatch.delenv(name, raising=False)
    return project.root


def said(*command: str) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1]


def test_bash(project: Project, home: Path, need: Need) -> None:
    result = project.run("completion", "install", "bash")
    script = home / ".local/share/bash-completion/completions/revurb"
    assert result.output.startswith(f"Wrote {script}\n")
    typed = "COMP_WORDS=({}); COMP_CWORD={}; _revurb_completion revurb; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    for words, at, found in (
        ("revurb st", 1, {"status", "stop"}),
        ("revurb apps ro", 2, {"rotate-secret"}),
        ("revurb stop --n", 2, {"--now"}),
        ("revurb log-level wa", 2, {"warning"}),
    ):
        shell = f"complete() {{ :; }}; source {script}; {typed.format(words, at)}"
        assert set(said(need("bash"), "--norc", "-c", shell)) == found, words


def test_fish(project: Project, home: Path, need: Need) -> None:
    fish = need("fish")
    script = home / ".config/fish/completions/revurb.fish"
    assert (
        project.run("completion", "install", "fish").output
        == f"Wrote {script}\nNew fish shells complete revurb\n"
    )
    assert {line.split("\t")[0] for line in said(fish, "-c", "complete -C 'revurb st'")} == {"status", "stop"}


def test_zsh(project: Project, home: Path, need: Need) -> None:
    """The functions that show what was found are only there while somebody types."""
    zsh = need("zsh")
    folder = home / "functions"
    folder.mkdir()
    (home / ".zshrc").write_text(f"fpath=({folder} $fpath)\n")
    result = project.run("completion", "install", "zsh")
    assert result.output.startswith(f"Wrote {folder}/_revurb\n")
    shell = (
        f"fpath=({folder} $fpath); autoload -Uz compinit; compinit -u -D; print -r -- $_comps[revurb]; "
        "_describe() { print -rl -- ${(P)3} }; words=(revurb st); CURRENT=2; _revurb"
    )
    first, *found = said(zsh, "-fc", shell)
    assert first == "_revurb"
    assert [line.partition(":")[0] for line in found] == ["status", "stop"]


def test_zsh_without_a_folder_of_ones_own(
    project: Project, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(home / "bin"))  # without zsh
    result = project.run("completion", "install", "zsh")
    assert f"Wrote {home}/.zfunc/_revurb\nAdd this line to ~/.zshrc, unless it is there:\n" in result.output
    assert "compinit" in result.output


def test_a_second_time_nothing_is_done_and_what_is_not_ours_stays(project: Project, home: Path) -> None:
    script = home / ".config/fish/completions/revurb.fish"
    project.run("completion", "install", "fish")
    before = script.stat().st_mtime_ns
    assert project.run("completion", "install", "fish").output.startswith(f"{script} is up to date\n")
    assert script.stat().st_mtime_ns == before
    script.write_text("# mine\n")
    result = project.run("completion", "install", "fish")
    assert (result.exit_code, script.read_text()) == (1, "# mine\n")
    assert project.run("completion", "install", "fish", "--force").exit_code == 0
    assert "_REVURB_COMPLETE" in script.read_text()
    script.write_text("# older _REVURB_COMPLETE\n")
    assert project.run("completion", "install", "fish").output.startswith("Wrote")


def test_the_shell_is_the_one_it_is_typed_in(home: Path, need: Need) -> None:
    """Also where another is the login shell."""
    shell = f"SHELL=/bin/fish; export SHELL; {home}/bin/revurb completion install --print; true"
    assert any("COMPREPLY" in line for line in said(need("bash"), "--norc", "-c", shell))


def test_no_shell_that_is_known(home: Path) -> None:
    """Its parent is Python here."""
    program = "import os, sys; sys.exit(os.spawnlp(os.P_WAIT, 'revurb', 'revurb', 'completion', 'install'))"
    environment = {**os.environ, "SHELL": "/bin/csh"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Error: SHELL: not given, and this is none of them; allowed: bash, zsh, fish\n"


def test_a_home_that_cannot_be_written(project: Project, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/dev/null/config")
    result = project.run("completion", "install", "fish")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: /dev/null/config/fish/completions")


def test_naming_the_verbs_imports_none(home: Path) -> None:
    program = (
        "import os, sys\nsys.argv = ['revurb']\n"
        "os.environ |= {'_REVURB_COMPLETE': 'bash_complete', 'COMP_WORDS': 'revurb ', 'COMP_CWORD': '1'}\n"
        "from revurb.cli.main import main\n"
        "try: main()\nfinally: print(sorted(name for name in sys.modules if name in "
        "('revurb.config', 'revurb.cli.serve', 'rich')))\n"
    )
    *verbs, imported = said(sys.executable, "-c", program)
    assert "plain,serve" in verbs
    assert imported == "[]"


def test_folders_that_are_not_absolute_are_not_taken(
    project: Project, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the specification of freedesktop.org has it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", "config")
    assert project.run("completion", "install", "fish").exit_code == 0
    assert (home / ".config/fish/completions/revurb.fish").exists()
    assert _home({"HOME": ""}) == Path(pwd.getpwuid(os.getuid()).pw_dir)
