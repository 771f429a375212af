"""`revurb serve` that cannot start: its exit code and its words."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import trustme

from tests.processes.test_single_node import serving, write_certificate


def failed_start(cwd: Path, *args: str, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "revurb", "serve", *args],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "REVURB_RUNTIME_DIR": str(cwd), **environment},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def test_a_taken_port_ends_the_start(tmp_path: Path) -> None:
    with serving(tmp_path, "--dev") as server:
        code, err = failed_start(tmp_path, "--dev", "--port", str(server.port))
    assert code == 1
    assert f"cannot listen on 127.0.0.1:{server.port}: address already in use" in err


def test_configuration_at_fault_ends_the_start_with_its_name(tmp_path: Path) -> None:
    code, err = failed_start(tmp_path, "--dev", REVERB_APP_PING_INTERVAL="soon")
    assert code == 2
    assert "REVERB_APP_PING_INTERVAL" in err
    code, err = failed_start(tmp_path, "--dev", REDIS_URL="http://x", REVERB_SCALING_ENABLED="true")
    assert code == 2
    assert "REDIS_URL" in err
    assert failed_start(tmp_path)[0] == 2  # no app


def test_a_key_that_does_not_fit_ends_the_start(tmp_path: Path) -> None:
    cert, key = write_certificate(tmp_path, trustme.CA())
    Path(key).write_text("nonsense")
    code, err = failed_start(tmp_path, "--dev", "--tls-cert", cert, "--tls-key", key)
    assert code == 1
    assert f"cannot use the TLS certificate {cert}" in err
