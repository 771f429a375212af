from __future__ import annotations

import os
import socket
import ssl
from pathlib import Path

import pytest
import trustme
from click.testing import CliRunner, Result

import revurb
from revurb.cli.main import main

ENVIRONMENT = """\
REVERB_APP_ID=1
REVERB_APP_KEY=the-key
REVERB_APP_SECRET=hush-hush
REVERB_SERVER_HOST=0.0.0.0
"""


class Project:
    """A working directory with a `.env`, and commands run in it with nothing in the environment."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write(".env", ENVIRONMENT)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.write_text(text, "utf-8")
        return path

    def add(self, **names: object) -> None:
        with (self.root / ".env").open("a") as file:
            file.writelines(f'{name}="{value}"\n' for name, value in names.items())

    def run(self, *arguments: str, input: str | None = None) -> Result:
        result = CliRunner().invoke(main, arguments, prog_name="revurb", input=input)
        assert "Traceback" not in result.output
        assert "hush" not in result.output
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        return result


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name in list(os.environ):
        if name.startswith(("REVERB_", "REVURB_", "REDIS_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    # A folder of its own, so that servers of others on this host are not found.
    monkeypatch.setenv("REVURB_RUNTIME_DIR", str(tmp_path))
    return Project(tmp_path)


def process_environment() -> dict[str, str]:
    """For a `python -m revurb` that must find the same package from another working directory."""
    return {**os.environ, "PYTHONPATH": str(Path(revurb.__file__).parents[1])}


@pytest.fixture
def closed_port() -> int:
    """A port of loopback on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@pytest.fixture
def tls(project: Project) -> ssl.SSLContext:
    """A server context for a certificate of `ws.example.com`, whose files are cert.pem and key.pem."""
    issued = trustme.CA().issue_cert("ws.example.com")
    issued.private_key_pem.write_to_path(str(project.root / "key.pem"))
    for number, part in enumerate(issued.cert_chain_pems):
        part.write_to_path(str(project.root / "cert.pem"), append=number > 0)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(context)
    return context


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory is one without a configuration."""
    monkeypatch.chdir(tmp_path)
