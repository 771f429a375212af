"""The commands of docs/start.md, from an empty folder to an event that arrives."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.docs.snippets import ROOT, commands, snippets
from tests.processes.test_single_node import serving

REVURB = (sys.executable, "-m", "revurb")


def test_from_nothing_to_an_event(tmp_path: Path) -> None:
    shell = [snippet for snippet in snippets(ROOT / "docs" / "start.md") if snippet.language == "sh"]
    (initial, *_), serve, (listen, trigger) = (list(commands(snippet, "revurb")) for snippet in shell)
    assert serve == [["serve"]]
    environment = {"PATH": os.environ["PATH"], "REVURB_RUNTIME_DIR": str(tmp_path)}
    made = subprocess.run(
        [*REVURB, *initial],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert re.search(r'^secret = "\w{20,}"$', (tmp_path / "revurb.toml").read_text(), re.MULTILINE)
    with serving(tmp_path, "--host", "127.0.0.1") as server:
        # Only the port differs: another server may have 8080.
        environment["REVERB_SERVER_PORT"] = str(server.port)
        listening = subprocess.Popen(
            [*REVURB, *listen],
            cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        try:
            assert listening.stdout is not None
            next(line for line in listening.stdout if "orders" in line)  # it is subscribed
            sent = subprocess.run(
                [*REVURB, *trigger],
                cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=30, check=False,
            )  # fmt: skip
            assert sent.returncode == 0, sent.stderr
            assert "created" in next(line for line in listening.stdout if '"id"' in line or "created" in line)
        finally:
            listening.kill()
            listening.communicate(timeout=10)
