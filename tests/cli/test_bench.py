"""`revurb bench` on a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from revurb.cli.main import main
from tests.cli.local import run
from tests.cli.terminal import terminal
from tests.processes.serving import Serving, serving

SHORT = ("--seconds", "0.5", "--connections", "10")
pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("bench")) as running:
        yield running


def bench(server: Serving, *arguments: str) -> Result:
    return run(server.runtime_dir, "bench", *SHORT, *arguments)


def test_figures_picture_and_page(server: Serving, tmp_path: Path) -> None:
    """All scenarios, of the ready-made app; a generator that was the limit on this machine is 3."""
    result = bench(server, "--json", "b.json", "--png", "b.png", "--html", "b.html")
    rows = json.loads((tmp_path / "b.json").read_text())["rows"]
    assert [row["scenario"] for row in rows] == ["connect", "delivery", "publish", "client-events", "latency"]
    assert all(row["count"] > 0 for row in rows), rows
    assert all(row["server_memory_bytes"] > 1_000_000 for row in rows)
    assert result.exit_code == (3 if any(row["void"] for row in rows) else 0)
    assert (tmp_path / "b.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "b.html").read_text().startswith("<!doctype html>")
    headings, *lines = result.stdout.splitlines()
    assert headings.split()[:3] == ["Scenario", "Rate", "p50"]
    assert lines[0].startswith("connect and subscribe ")


def test_another_server_than_the_configured_one(server: Serving, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret1\n")
    app = ("--app", "1", "--key", "key1", "--secret-file", "secret")
    result = bench(server, "publish", "--url", f"http://127.0.0.1:{server.port}", *app, "--json", "-")
    assert [row["scenario"] for row in json.loads(result.stdout)["rows"]] == ["publish"]


def test_a_secret_from_standard_input_and_events_that_are_too_large(server: Serving) -> None:
    """A server's refusal is what makes a row void, not that nothing arrived."""
    environment = {"REVURB_RUNTIME_DIR": str(server.runtime_dir)}
    url = f"http://127.0.0.1:{server.port}"
    named = ["bench", *SHORT, "--url", url, "--app", "1", "--key", "key1", "--secret-file", "-"]
    named += ["delivery", "client-events", "--size", "100000", "--json", "-"]
    result = CliRunner().invoke(main, named, prog_name="revurb", env=environment, input="secret1\n")
    assert result.exit_code == 3, result.output
    delivery, client_events = json.loads(result.stdout)["rows"]
    assert "the server answered 413" in delivery["void"]
    assert "the server closed a connection: 1009" in client_events["void"]


def test_a_terminal_shows_how_far_it_is(server: Serving, tmp_path: Path) -> None:
    environment = {"REVURB_RUNTIME_DIR": str(server.runtime_dir)}
    with terminal(
        tmp_path, "-m", "revurb", "bench", "publish", "latency", *SHORT, environment=environment
    ) as shown:
        shown.shows("publish .*━")
        shown.shows("Generator")
        assert shown.ended() in (0, 3)


def test_ctrl_c_is_130(server: Serving, tmp_path: Path) -> None:
    environment = {"REVURB_RUNTIME_DIR": str(server.runtime_dir)}
    with terminal(tmp_path, "-m", "revurb", "bench", "--seconds", "60", environment=environment) as shown:
        shown.shows("connect .*━")
        shown.type("\x03")
        assert shown.ended() == 130
    assert "Traceback" not in shown.screen


def test_what_cannot_be_measured(server: Serving, tmp_path: Path, closed_port: int) -> None:
    def error(code: int, *arguments: str) -> str:
        result = bench(server, *arguments)
        assert (result.exit_code, result.stdout) == (code, ""), result.output
        return result.stderr.splitlines()[-1]

    (tmp_path / "wrong").write_text("wrong")
    url = f"http://127.0.0.1:{server.port}"
    assert "SCENARIO: found 'dance'; allowed: connect, delivery" in error(2, "dance")
    assert "are given together" in error(2, "--key", "k")
    assert "--html: found '-'; allowed: the name of a file" in error(2, "--html", "-")
    assert "no/b.json cannot be written: No such file" in error(
        1, "--url", "http://no.invalid", "--json", "no/b.json"
    )
    assert "missing cannot be read" in error(
        2, "--url", url, "--app", "1", "--key", "k", "--secret-file", "missing"
    )
    assert "name that with --url" in error(2, "--app", "1", "--key", "k", "--secret-file", "wrong")
    assert "4009" in error(1, "--url", url, "--app", "1", "--key", "key1", "--secret-file", "wrong")
    assert "connection refused; start one" in error(1, "--url", f"http://127.0.0.1:{closed_port}")
