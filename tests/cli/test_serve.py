"""`revurb serve` that cannot start: its exit code and its words."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import trustme

import revurb
from tests.client import connect, http
from tests.conftest import Run
from tests.processes.serving import launched
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


@pytest.mark.parametrize("workers", ["1", "2"])
def test_every_line_of_a_json_log_is_json(tmp_path: Path, run: Run, workers: str) -> None:
    environment = {"REVURB_LOG_FORMAT": "json", "REVERB_SERVER_PROT": "1"}
    with launched(tmp_path, "--debug", "--workers", workers, environment=environment) as server:
        port = int(server.said(r'"message":"listening",.*"port":(\d+)')[1])

        async def main() -> None:
            async with connect(port, "key1") as client, http(port) as connection:
                await client.subscribe("a")
                assert (await connection.request("GET", "/nope")).status == 404

        run(main())
        server.said("disconnected")
        server.signal(signal.SIGTERM)
        assert server.ended() == 0
    entries = [json.loads(line) for line in server.lines]
    by_message = {entry["message"]: entry for entry in entries}
    assert all(isinstance(entry, dict) and entry["time"] and entry["level"] for entry in entries)
    assert "REVERB_SERVER_PROT: unknown name" in by_message["configuration"]["warning"]
    assert by_message.get("starting", by_message["listening"])["version"] == revurb.__version__
    assert (by_message["serving an app"]["app"], by_message["serving an app"]["key"]) == ("1", "key1")
    assert "unknown path" in by_message
    received = [entry for entry in entries if entry["message"] == "received"]
    assert {entry.get("text") for entry in received} == {'pusher:subscribe {"channel":"a"}', "GET /nope"}


def test_errors_are_json_too(tmp_path: Path) -> None:
    code, err = failed_start(tmp_path, "--dev", "--port", "x", "--log-format", "json")
    assert (code, json.loads(err)["problem"][:22]) == (2, "server.port: found 'x'")
    code, err = failed_start(tmp_path, "--dev", "--host", "192.0.2.1", REVURB_LOG_FORMAT="json")  # TEST-NET-1
    assert (code, json.loads(err)["message"]) == (1, "the server cannot run")
    code, err = failed_start(tmp_path, "--bogus", REVURB_LOG_FORMAT="json")
    assert (code, json.loads(err)["problem"][:25]) == (2, "No such option '--bogus'.")
    code, err = failed_start(tmp_path, "extra", "--log-format=json")
    assert (code, json.loads(err)["level"]) == (2, "error")
    (tmp_path / "bad.py").write_text("raise ValueError('boom')")
    code, err = failed_start(tmp_path, "--dev", "--app-provider", "bad:Apps", REVURB_LOG_FORMAT="json")
    entries = [json.loads(line) for line in err.splitlines()]
    assert (code, "ValueError: boom" in entries[-1]["problem"]) == (2, True)


def test_the_start_line_has_the_version(tmp_path: Path) -> None:
    with serving(tmp_path, "--dev") as server:
        server.signal(signal.SIGTERM)
        _, _, err = server.ended()
    assert f"listening version={revurb.__version__} host=127.0.0.1 port={server.port} " in err
