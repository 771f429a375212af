"""The chat of examples/chat, as `make demo` runs it, with two people in two browsers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

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
    finally:
        program.terminate()
        program.wait(10)
        program.stdout.close()
