"""The directory of the release that a server was started in, by the name that leads to the next release after a deploy.

Deploys by link (Deployer, Envoyer, Forge, Capistrano) unpack each release into a folder of its own and then point a
link at it: `current -> releases/2`. The kernel resolves links on chdir(2), so a process knows only the folder that the
link led to when it started. A shell leaves the name with the link in $PWD; systemd (`WorkingDirectory=`) and Supervisor
(`directory=`) do not, so the link is looked for where these tools put it: beside the folder, or beside the folder that
has all releases.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

USUAL_NAME = "current"
MAX_ENTRIES = 1000  # of a folder that is searched for links: one with more is no folder of deploys
MAX_DEPTH = 3  # how far the working directory may be below the folder that the link leads to


def working_directory(environ: Mapping[str, str]) -> Path:
    """The working directory by a name with a link in it: that in $PWD, or a link named `current` that leads to it or to
    a folder above it, or the only link that leads to it. Without one, its real path."""
    real = Path(os.getcwd())
    entered = Path(environ.get("PWD", ""))
    if entered.is_absolute() and entered != real and _is_same(entered, real):
        return entered
    links = {release: _links_to(release) for release in (real, *real.parents[: MAX_DEPTH - 1])}
    for release, found in links.items():
        for link in found:
            if link.name == USUAL_NAME:
                return link / real.relative_to(release)
    return links[real][0] if len(links[real]) == 1 else real


def in_current_release(path: Path, cwd: Path, started_in: Path) -> Path:
    """The file of the present release that takes the place of `path`, a file of the release that the server was started
    in; `path` itself if it is of no release, or the present one has no such file. `cwd` is what `working_directory`
    returned, and `started_in` its real path at that time."""
    link, release = cwd, started_in
    while link.name == release.name and link != link.parent:
        link, release = link.parent, release.parent
    if link == release or not path.is_relative_to(release):
        return path
    present = link / path.relative_to(release)
    return present if present.exists() else path


def _links_to(release: Path) -> list[Path]:
    """The links beside the folder and beside its parent that lead to it, the nearest first."""
    links: list[Path] = []
    for folder in release.parents[:2]:
        with contextlib.suppress(OSError), os.scandir(folder) as entries:  # it may be closed to this user
            links += [Path(entry.path) for entry in islice(entries, MAX_ENTRIES) if entry.is_symlink()]
    return [link for link in links if _is_same(link, release)]


def _is_same(path: Path, real: Path) -> bool:
    try:
        return path.is_dir() and path.samefile(real)
    except OSError:
        return False
