"""What `revurb serve` prints when it listens."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from revurb import App, Server
from revurb.cli.welcome import print_welcome
from revurb.config import DEV_DEFAULTS, DEV_ENVIRONMENT, load
from revurb.config.dotenv import parse_dotenv
from tests.client import api
from tests.conftest import Need
from tests.processes.test_single_node import serving

E2E = Path(__file__).parents[1] / "e2e"


@pytest.fixture(scope="module", params=["", "/ws"], ids=["root", "prefix"])
def banner(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Banner]:
    folder = tmp_path_factory.mktemp("banner")
    with serving(folder, "--dev", *(["--path", request.param] if request.param else [])) as server:
        assert server.process.stdout is not None
        said = "".join(iter(server.process.stdout.readline, "Stop with Ctrl-C.\n"))
        yield Banner(server.port, request.param, said)


@dataclass(frozen=True)
class Banner:
    """What a server with `--dev` printed; it runs."""

    port: int
    path: str
    text: str

    def lines(self, heading: str) -> str:
        """The lines below a heading, as one pastes them."""
        return textwrap.dedent(
            self.text.partition(f"\n{heading}")[2].partition(":")[2].partition("\n\n")[0][1:]
        )

    def trigger(self) -> None:
        asyncio.run(self._trigger())

    async def _trigger(self) -> None:
        body = {"name": "created", "channel": "orders", "data": '{"id":7}'}
        app = App(id="1", key="key1", secret="secret1")
        response = await api(self.port, app, "POST", "/events", body, prefix=self.path)
        assert response.status == 200


def test_what_is_served(banner: Banner) -> None:
    assert "app id 1  key key1  secret secret1" in banner.text
    assert f"a page with a test client: http://127.0.0.1:{banner.port}{banner.path}/" in banner.text


@pytest.mark.parametrize("heading", ["pusher-js", "laravel-echo"])
def test_the_lines_for_browsers_work(banner: Banner, need: Need, heading: str) -> None:
    if not (E2E / "node_modules").exists():
        pytest.skip("tests/install-tools has not been run")
    script = banner.lines(heading)
    assert script.startswith("import ")
    client = "pusher" if heading == "pusher-js" else "window.Echo.connector.pusher"
    subscribed = (
        f"{client}.channel('orders').bind('pusher:subscription_succeeded', () => console.log('subscribed'));"
    )
    program = f"globalThis.window = globalThis;\n{script}\n{subscribed}"
    process = subprocess.Popen(
        [need("node"), "--input-type=module", "-e", program],
        cwd=E2E,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        assert first == "subscribed\n", process.stderr.read()
        banner.trigger()
        assert process.stdout.readline() == "{ id: 7 }\n"
    finally:
        process.kill()
        process.communicate()


def test_the_python_lines_work(banner: Banner) -> None:
    if banner.path:  # Pusher's SDK for Python has no option for a prefix; the lines say so
        assert "prefix" in banner.lines("Python")
        return
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"{banner.lines('Python')}\nprint(client.channels_info())"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout == "{'channels': {}}\n", done.stderr


def test_the_lines_for_the_shell_work(banner: Banner, need: Need) -> None:
    for program in ("curl", "openssl"):
        need(program)
    done = subprocess.run(["sh", "-ec", banner.lines("curl")], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, "{}"), done.stderr
    for line in banner.lines("Shell").splitlines():
        assert re.search(r"\brevurb (listen|trigger) orders", line)


def test_the_lines_for_laravel_are_an_env_file(banner: Banner) -> None:
    found = parse_dotenv(banner.lines("Laravel (.env)"), {})
    assert found.broken == {}
    assert found.values["BROADCAST_CONNECTION"] == "reverb"
    assert (found.values["REVERB_APP_SECRET"], found.values["REVERB_PORT"]) == ("secret1", str(banner.port))
    for name in ("APP_KEY", "HOST", "PORT", "SCHEME"):
        assert found.values[f"VITE_REVERB_{name}"] == found.values[f"REVERB_{name}"]


def test_clients_get_an_ipv6_address_in_brackets(capsys: pytest.CaptureFixture[str]) -> None:
    environ = {**DEV_DEFAULTS, **DEV_ENVIRONMENT, "REVERB_SERVER_HOST": "::1"}
    config = load(environ=environ, toml_path=Path(os.devnull), env_file=Path(os.devnull))
    with Server(apps=config.apps, host="::1", port=0) as server:
        print_welcome(config, server.port, config.apps, config.apps[0])
        banner = Banner(server.port, "", capsys.readouterr().out)
        found: dict[str, Any] = {}
        exec(banner.lines("Python"), found)
        assert found["client"].channels_info() == {"channels": {}}
    for heading in ("pusher-js", "laravel-echo"):
        assert "wsHost: '[::1]'" in banner.lines(heading)
    assert "REVERB_HOST=[::1]\n" in banner.lines("Laravel")


def test_a_working_directory_that_is_gone_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a release that a deployment has replaced and removed by the time the server listens."""
    gone = tmp_path / "release"
    gone.mkdir()
    monkeypatch.chdir(gone)
    monkeypatch.setenv("PATH", str(tmp_path))
    gone.rmdir()
    environ = {**DEV_DEFAULTS, **DEV_ENVIRONMENT}
    config = load(environ=environ, toml_path=Path(os.devnull), env_file=Path(os.devnull), cwd=tmp_path)
    monkeypatch.setattr(sys, "argv", ["revurb/__main__.py"])
    print_welcome(config, 8080, config.apps, config.apps[0])
    assert "Revurb is listening on" in capsys.readouterr().out


def test_a_secret_of_ones_own_is_never_printed(tmp_path: Path) -> None:
    own = '[[apps]]\nid = "1"\nkey = "k"\nsecret = "hush-hush"\n'
    (tmp_path / "revurb.toml").write_text(own)
    with serving(tmp_path, "--dev", "--debug") as server:
        server.signal(signal.SIGTERM)
        code, out, err = server.ended()
    assert code == 0
    assert "app id 1  key k" in out
    assert "hush-hush" not in out + err
