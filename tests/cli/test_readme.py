"""What the README shows works as it stands there, in another terminal beside `revurb serve --dev`.

Only the port differs, so that a test does not need 8080.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import process_environment
from tests.cli.local import run
from tests.conftest import Need
from tests.processes.serving import Serving, serving

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
E2E = ROOT / "tests" / "e2e"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("readme"), "--workers", "2") as running:
        yield running


def block(heading: str, language: str = "") -> str:
    """The first block of code below a heading; without a language it is indented."""
    below = README.partition(f"### {heading}\n")[2]
    if language:
        return below.partition(f"```{language}\n")[2].partition("```")[0]
    return below.lstrip("\n").partition("\n\n")[0]


SHELL = [line.partition("#")[0].strip() for line in block("From a shell").splitlines()]


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("command", [command for command in SHELL if " listen " not in command])
def test_a_command(server: Serving, command: str) -> None:
    result = run(server.runtime_dir, *shlex.split(command)[1:])
    # 3 says that the generator was the limit, as it may be on this machine.
    assert result.exit_code in ((0, 3) if " bench " in command else (0,)), result.output


def test_listen(server: Serving, tmp_path: Path) -> None:
    (command,) = [command for command in SHELL if " listen " in command]
    process = subprocess.Popen(
        [sys.executable, "-m", "revurb", *shlex.split(command)[1:]],
        cwd=tmp_path,
        env={**process_environment(), "REVURB_RUNTIME_DIR": str(server.runtime_dir)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        assert any("subscribed to presence-room (1 member)" in line for line in process.stderr)
    finally:
        process.kill()
        process.communicate()


def test_the_python_lines(server: Serving) -> None:
    lines = block("From Python", "python").replace("8080", str(server.port))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", lines], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_lines_for_a_browser(server: Serving, need: Need) -> None:
    if not (E2E / "node_modules").exists():
        pytest.skip("tests/install-tools has not been run")
    lines = block("From a browser or Node", "js").replace("8080", str(server.port))
    program = (
        f"{lines}\npusher.channel('orders').bind('pusher:subscription_succeeded', () => process.exit(7));"
    )
    done = subprocess.run(
        [need("node"), "--input-type=module", "-e", program],
        cwd=E2E, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 7, done.stderr
