"""The chat of examples/chat, as `make demo` runs it, with two people in two browsers."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Need
from tests.node_program import node_program as node_program

ROOT = Path(__file__).parents[2]
E2E = ROOT / "tests" / "e2e"


def test_two_people_in_two_browsers(tmp_path: Path, node_program: str, need: Need) -> None:
    chromium = need("chromium")
    folder = tmp_path / "chat"
    shutil.copytree(ROOT / "examples" / "chat", folder, ignore=shutil.ignore_patterns("node_modules"))
    (folder / "node_modules").symlink_to(E2E / "node_modules")
    environment = {**os.environ, "CHAT_PORT": "0", "CHAT_WS_PORT": "0"}
    program = subprocess.Popen(
        [sys.executable, "chat.py"], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    try:
        found = re.fullmatch(r"the chat is at (http://127.0.0.1:\d+/) .*\n", program.stdout.readline())
        assert found is not None
        done = subprocess.run(
            [node_program, E2E / "chat_pages.mjs", chromium, found[1]],
            cwd=E2E, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.stdout == "done\n", done.stdout + done.stderr
        program.send_signal(signal.SIGINT)  # Ctrl-C
        assert program.wait(10) == 0
    finally:
        program.terminate()
        program.wait(10)
        program.stdout.close()


@pytest.mark.parametrize(
    ("variable", "port"), [("CHAT_PORT", None), ("CHAT_WS_PORT", None), ("CHAT_PORT", "99999")]
)
def test_a_port_that_cannot_be_had_is_one_line(variable: str, port: str | None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environment = {**os.environ, "CHAT_PORT": "0", "CHAT_WS_PORT": "0"}
        environment[variable] = port or str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "chat.py"],
            cwd=ROOT / "examples" / "chat", env=environment, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(f"chat: .*{environment[variable]}.*\n", done.stderr)
    assert "CHAT_PORT" in done.stderr
