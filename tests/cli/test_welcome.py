"""What `revurb serve` prints when it listens."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.processes.test_single_node import serving


def test_dev_prints_lines_to_copy(tmp_path: Path) -> None:
    with serving(tmp_path, "--dev", "--path", "/ws") as server:
        server.signal(signal.SIGTERM)
        _, out, _ = server.ended()
    for expected in (
        "app id 1  key key1  secret secret1",
        f"wsPort: {server.port}",
        "wsPath: '/ws'",
        "broadcaster: 'reverb'",
        "pusher.Pusher(app_id='1'",
        f"curl http://127.0.0.1:{server.port}/ws/up",
    ):
        assert expected in out


def test_the_python_lines_that_are_printed_work(tmp_path: Path) -> None:
    with serving(tmp_path, "--dev") as server:
        assert server.process.stdout is not None
        said = "".join(iter(server.process.stdout.readline, "Stop with Ctrl-C.\n"))
        lines = textwrap.dedent(said.partition("Python (pip install pusher):\n")[2].partition("\n\n")[0])
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", f"{lines}\nprint(client.channels_info())"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert done.stdout == "{'channels': {}}\n", done.stderr


def test_a_secret_of_ones_own_is_never_printed(tmp_path: Path) -> None:
    own = '[[apps]]\nid = "1"\nkey = "k"\nsecret = "hush-hush"\n'
    (tmp_path / "revurb.toml").write_text(own)
    with serving(tmp_path, "--dev", "--debug") as server:
        server.signal(signal.SIGTERM)
        code, out, err = server.ended()
    assert code == 0
    assert "app id 1  key k" in out
    assert "hush-hush" not in out + err
