"""`revurb completion`: has the Tab key of a shell complete commands, flags and their values.

A script is put where the shell looks for the completion of a command when that is typed first; no file of the user's
own is changed. Where a shell has no such place that one may write to, the line is said that its configuration needs.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from revurb.cli.endings import UnusableCommandLine
from revurb.cli.examples import examples
from revurb.cli.new_file import EVERYBODY, write_new_file
from revurb.observe.printable import escape_lines

PROGRAM, VARIABLE = "revurb", "_REVURB_COMPLETE"
FPATH_S = 5.0  # for zsh to say where it looks
BASH_COMPLETION = tuple(
    Path(root, "bash-completion/bash_completion")
    for root in ("/usr/share", "/usr/local/share", "/opt/homebrew/share")
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a script goes, and what is needed besides, or ""."""

    path: Path
    needed: str = ""


@click.group(epilog=examples("completion"))
def completion() -> None:
    """Complete commands and flags by the Tab key, in bash, zsh and fish."""


@completion.command(epilog=examples("completion install"))
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")), required=False)
@click.option("--print", "is_printed", is_flag=True, help="Print the script, and write nothing.")
@click.option("--force", is_flag=True, help="Replace a script that is there and is not ours.")
@click.pass_context
def install(ctx: click.Context, shell: str | None, is_printed: bool, force: bool) -> None:
    """Put the script where a shell looks for it: SHELL, or the one that this is typed in.

    No configuration of the shell is changed. Run it again after an update; where nothing has changed, nothing is done.
    """
    shell = shell or _current_shell()
    script = _script(ctx.find_root().command, shell)
    if is_printed:
        click.echo(script, nl=False)
        return
    place = PLACES[shell](os.environ)
    before = _read(place.path)
    if before == script:
        click.echo(escape_lines(f"{place.path} is up to date"))
    else:
        if before is not None and VARIABLE not in before and not force:
            raise click.ClickException(f"{place.path} is there already, and not ours: --force replaces it")
        try:
            place.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise click.ClickException(
                f"{place.path.parent} cannot be made: {error.strerror}; revurb completion install {shell} --print "
                "prints the script"
            ) from error
        write_new_file(place.path, script, is_forced=True, mode=EVERYBODY)
        click.echo(escape_lines(f"Wrote {place.path}"))
    click.echo(escape_lines(place.needed or f"New {shell} shells complete revurb"))


def _script(command: click.Command, shell: str) -> str:
    kind = get_completion_class(shell)
    assert kind is not None  # click has these three
    made = kind(command, {}, PROGRAM, VARIABLE)
    return made.source_template % made.source_vars()


def _current_shell() -> str:
    """The shell that has started this process, or else the user's login shell. Exits with 2 if it is none of them."""
    names = []
    with contextlib.suppress(OSError):  # no Linux
        names.append(Path(f"/proc/{os.getppid()}/comm").read_text().strip())
    names.append(Path(os.environ.get("SHELL", "")).name)
    for name in names:
        if (known := name.lstrip("-")) in PLACES:
            return known
    raise UnusableCommandLine("SHELL: not given, and this is none of them; allowed: bash, zsh, fish")


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir)


def _xdg(environ: Mapping[str, str], name: str, default: str) -> Path:
    """A base folder of freedesktop.org, whose specification has paths that are not absolute ignored."""
    folder = Path(environ.get(name) or "")
    return folder if folder.is_absolute() else _home(environ) / default


def _bash(environ: Mapping[str, str]) -> Place:
    """Where bash-completion looks (its README, "Where should I put it"); bash alone looks nowhere."""
    data = _xdg(environ, "XDG_DATA_HOME", ".local/share")
    folder = Path(environ.get("BASH_COMPLETION_USER_DIR") or data / "bash-completion")
    path = folder / "completions" / PROGRAM
    if any(script.exists() for script in BASH_COMPLETION):
        return Place(path)
    line = f"source {shlex.quote(str(path))}"
    return Place(
        path, f"The package bash-completion is not here: install it, or add this line to ~/.bashrc:\n  {line}"
    )


def _zsh(environ: Mapping[str, str]) -> Place:
    """The first folder below the home or for local additions that zsh looks in and that can be written to."""
    home = _home(environ)
    for folder in _fpath():
        is_ours = folder.is_relative_to(home) or "local" in folder.parts or folder.name == "site-functions"
        if is_ours and folder.is_dir() and os.access(folder, os.W_OK):
            return Place(folder / f"_{PROGRAM}", "New zsh shells complete revurb, if ~/.zshrc calls compinit")
    folder = home / ".zfunc"
    line = f"fpath=({shlex.quote(str(folder))} $fpath); autoload -Uz compinit; compinit"
    return Place(folder / f"_{PROGRAM}", f"Add this line to ~/.zshrc, unless it is there:\n  {line}")


def _fpath() -> list[Path]:
    zsh = shutil.which("zsh")
    if zsh is None:
        return []
    try:
        asked = [zsh, "-ic", "print -rl -- $fpath"]  # with the user's own additions
        done = subprocess.run(
            asked, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=FPATH_S, check=False,
            start_new_session=True,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return []
    return [Path(line) for line in done.stdout.splitlines() if line.startswith("/")]


def _fish(environ: Mapping[str, str]) -> Place:
    config = _xdg(environ, "XDG_CONFIG_HOME", ".config")
    return Place(config / "fish/completions" / f"{PROGRAM}.fish")


PLACES: Mapping[str, Callable[[Mapping[str, str]], Place]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise click.ClickException(f"{path} cannot be read: {error.strerror}") from error
