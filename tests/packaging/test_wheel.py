"""The wheel works where the sources are not."""

import os
import re
import subprocess
import sys
import urllib.request
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(600)
def test_the_wheel_serves_from_an_empty_environment(tmp_path: Path) -> None:
    # Built from what git has, so that nothing lying about in the working tree gets in.
    sources, elsewhere = tmp_path / "sources", tmp_path / "elsewhere"
    sources.mkdir()
    elsewhere.mkdir()
    archive = tmp_path / "sources.tar"
    run("git", "archive", "--output", archive, "HEAD", cwd=ROOT)
    # Not by tarfile, whose `filter` came with Python 3.11.4: Debian 12 has 3.11.2.
    run("tar", "-xf", archive, cwd=sources)
    run(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        tmp_path,
        sources,
        cwd=elsewhere,
    )
    (wheel,) = tmp_path.glob("revurb-*.whl")
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", wheel, cwd=elsewhere)
    run(
        python, "-c", "import revurb; assert 'elsewhere' not in revurb.__file__; revurb.Server", cwd=elsewhere
    )
    server = subprocess.Popen(
        [tmp_path / "venv" / "bin" / "revurb", "serve", "--dev", "--port", "0"],
        cwd=elsewhere,
        env={"PATH": os.environ["PATH"], "REVURB_RUNTIME_DIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        found = next(filter(None, (re.search(r"listening on \S+?:(\d+)", line) for line in server.stdout)))
        with urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/up", timeout=10) as response:
            assert response.read() == b'{"health":"OK"}'
    finally:
        server.terminate()
        server.communicate(timeout=20)
    assert server.returncode == 0
