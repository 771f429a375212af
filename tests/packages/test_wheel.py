"""The wheel works where the sources are not, with what it says it needs and nothing else. Needs no network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import urllib.request
import venv
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
NOT_SOURCES = (".*", "build", "dist", "node_modules", "__pycache__", "*.egg-info", "*.so", "*.c")


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def copy_sources(target: Path) -> None:
    """What git has, so that nothing lying about in the working tree gets in; without git, what looks like sources."""
    if not (ROOT / ".git").exists():
        shutil.copytree(ROOT, target, ignore=shutil.ignore_patterns(*NOT_SOURCES), dirs_exist_ok=True)
        return
    archive = target.parent / "sources.tar"
    run("git", "archive", "--output", archive, "HEAD", cwd=ROOT)
    # Not by tarfile, whose `filter` came with Python 3.11.4: Debian 12 has 3.11.2.
    run("tar", "-xf", archive, cwd=target)


def needed(name: str, extras: frozenset[str] = frozenset()) -> dict[str, Distribution]:
    """The installed distributions that a distribution requires, and those that these require."""
    found = {}
    for text in distribution(name).requires or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            found[requirement.name] = distribution(requirement.name)
            found |= needed(requirement.name, frozenset(requirement.extras))
    return found


def link_requirements(folder: Path) -> None:
    """Put what Revurb requires into a folder of modules, as links to where it is installed."""
    for required in needed("revurb").values():
        for top in {file.parts[0] for file in required.files or () if not file.parts[0].startswith("..")}:
            if not (folder / top).exists():
                (folder / top).symlink_to(Path(str(required.locate_file(top))))


@pytest.mark.timeout(600)
def test_the_wheel_serves_from_an_empty_environment(tmp_path: Path) -> None:
    sources, elsewhere = tmp_path / "sources", tmp_path / "elsewhere"
    sources.mkdir()
    elsewhere.mkdir()
    copy_sources(sources)
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    offline = ("--no-index", "--no-deps")
    run(*pip, "wheel", *offline, "--no-build-isolation", "--wheel-dir", tmp_path, sources, cwd=elsewhere)
    (wheel,) = tmp_path.glob("revurb-*.whl")
    venv.create(tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    (modules,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    link_requirements(modules)
    run(*pip, "--python", python, "install", *offline, wheel, cwd=elsewhere)
    installed, here = (
        sorted(path.name for path in (tree / "revurb/browser/console").rglob("*.*"))
        for tree in (modules, ROOT)
    )
    assert installed == here != []
    run(
        python, "-c", "import revurb; assert 'elsewhere' not in revurb.__file__; revurb.Server", cwd=elsewhere
    )
    server = subprocess.Popen(
        [tmp_path / "venv" / "bin" / "revurb", "serve", "--dev", "--port", "0"],
        cwd=elsewhere,
        env={
            "PATH": os.environ["PATH"],
            "REVURB_RUNTIME_DIR": str(tmp_path),
            "REVURB_BROWSER_MODULE": "true",
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        found = next(filter(None, (re.search(r"listening on \S+?:(\d+)", line) for line in server.stdout)))
        with urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/up", timeout=10) as response:
            assert response.read() == b'{"health":"OK"}'
        for path, name in (("revurb.js", "resume.umd.js"), ("revurb.mjs", "resume.mjs")):
            with urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/{path}", timeout=10) as response:
                assert response.read() == (ROOT / "revurb" / "browser" / name).read_bytes()
    finally:
        server.terminate()
        server.communicate(timeout=20)
    assert server.returncode == 0
