from __future__ import annotations

import json
import signal
import ssl
from pathlib import Path

import pytest
import trustme

from tests.cli.conftest import Project
from tests.cli.servers import api_server
from tests.processes.serving import serving


def test_a_server_from_its_start_to_its_end(tmp_path: Path, project: Project) -> None:
    arguments = ("health", "--host", "127.0.0.1", "--path", "/ws")
    with serving(tmp_path, "--path", "/ws", "--drain-delay", "600") as server:
        port = str(server.port)
        result = project.run(*arguments, "--port", port)
        assert (result.exit_code, result.stdout) == (0, "ready\n")
        server.signal(signal.SIGTERM)
        server.said("stopping")
        result = project.run(*arguments, "--port", port)
        assert (result.exit_code, result.stderr) == (1, "not ready: draining\n")
        result = project.run(*arguments, "--port", port, "--live")
        assert (result.exit_code, result.stdout) == (0, "alive\n")
        server.signal(signal.SIGTERM)
        assert server.ended() == 0
    result = project.run(*arguments, "--port", port)
    assert (result.exit_code, result.stderr) == (
        1,
        f"cannot reach http://127.0.0.1:{port}/ws: connection refused\n",
    )


@pytest.mark.parametrize(
    ("status", "answer", "code", "text"),
    [
        (200, b'{"ready":true,"degraded":"redis disconnected"}', 0, "ready, but redis disconnected\n"),
        (
            503,
            b'{"ready":false,"reason":"no file descriptor is left"}',
            1,
            "not ready: no file descriptor is left\n",
        ),
        (404, b"Not found.", 1, "http://127.0.0.1:PORT answers with status 404, so it is no Revurb\n"),
        (200, b"<html>", 1, "http://127.0.0.1:PORT answers with '<html>', so it is no Revurb\n"),
        (200, b"[]", 1, "http://127.0.0.1:PORT answers with '[]', so it is no Revurb\n"),
    ],
)
def test_each_answer(project: Project, status: int, answer: bytes, code: int, text: str) -> None:
    with api_server() as api:
        api.status, api.answer = status, answer
        result = project.run("health", "--url", f"http://127.0.0.1:{api.port}")
    assert (result.exit_code, result.output) == (code, text.replace("PORT", str(api.port)))
    assert api.requests == [("GET", "/ready", b"")]


def test_a_certificate_on_this_host_is_not_checked(project: Project, tls: ssl.SSLContext) -> None:
    trustme.CA().issue_cert("x").cert_chain_pems[0].write_to_path(str(project.root / "cert.pem"))  # renewed
    with api_server(tls) as api:
        api.answer = b'{"ready":true}'
        project.add(REVURB_TLS_CERT="cert.pem", REVURB_TLS_KEY="key.pem", REVERB_SERVER_PORT=api.port)
        result = project.run("health")
    assert (result.exit_code, result.output) == (0, "ready\n")


def test_no_app_has_to_be_configured(project: Project) -> None:
    with api_server() as api:
        api.answer = b'{"ready":true}'
        project.write(".env", "")
        result = project.run("health", "--port", str(api.port))
    assert (result.exit_code, result.output) == (0, "ready\n")


def test_an_option_that_is_wrong(project: Project) -> None:
    result = project.run("health", "--port", "high")
    assert result.exit_code == 2
    assert "server.port: found 'high'" in result.stderr
    assert "app" not in result.stderr


@pytest.mark.parametrize("cert", [None, "", "half a certificate"])
def test_the_file_of_the_certificate_is_not_needed(
    project: Project, tls: ssl.SSLContext, cert: str | None
) -> None:
    """It is being renewed: gone, empty or half written."""
    (project.root / "cert.pem").unlink()
    if cert is not None:
        (project.root / "cert.pem").write_text(cert)
    with api_server(tls) as api:
        api.answer = b'{"ready":true}'
        project.add(REVURB_TLS_CERT="cert.pem", REVURB_TLS_KEY="key.pem", REVERB_SERVER_PORT=api.port)
        result = project.run("health")
    assert (result.exit_code, result.output) == (0, "ready\n")


def test_a_certificate_that_was_given_by_flags(tmp_path: Path, project: Project) -> None:
    """As in `CMD ["serve", "--tls-cert", …]` of a container, of which a HEALTHCHECK knows nothing."""
    issued = trustme.CA().issue_cert("localhost")
    for name, pem in (("cert", issued.cert_chain_pems[0]), ("key", issued.private_key_pem)):
        pem.write_to_path(str(tmp_path / f"{name}.pem"))
    with serving(tmp_path, "--tls-cert", "cert.pem", "--tls-key", "key.pem") as server:
        port = str(server.port)
        result = project.run("health", "--host", "127.0.0.1", "--port", port)
        assert (result.exit_code, result.output) == (0, "ready\n")
        result = project.run("health", "--url", f"http://127.0.0.1:{port}")
        assert (result.exit_code, result.output) == (
            1,
            f"http://127.0.0.1:{port} speaks TLS: name it with https://\n",
        )


@pytest.mark.parametrize(
    ("status", "answer", "code", "told"),
    [
        (200, b'{"ready":true}', 0, {"is_well": True, "state": "ready", "degraded": None}),
        (
            200,
            b'{"ready":true,"degraded":"redis"}',
            0,
            {"is_well": True, "state": "ready", "degraded": "redis"},
        ),
        (503, b'{"ready":false,"reason":"draining"}', 1, {"is_well": False, "reason": "not ready: draining"}),
    ],
)
def test_the_same_for_programs(
    project: Project, status: int, answer: bytes, code: int, told: dict[str, object]
) -> None:
    with api_server() as api:
        api.status, api.answer = status, answer
        result = project.run("health", "--json", "--url", f"http://127.0.0.1:{api.port}")
    assert (result.exit_code, result.stderr) == (code, "")
    assert json.loads(result.stdout) == told
