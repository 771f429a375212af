"""What is advised is about the errors that really come: of the system, of TLS, of a server."""

from __future__ import annotations

import socket
import ssl
from contextlib import closing

import pytest

from revurb.cli.advice import with_advice
from tests.cli.conftest import Project
from tests.cli.servers import api_server


def test_what_is_not_known_stays_as_it_is() -> None:
    assert with_advice("the disk is full.") == "the disk is full."


@pytest.mark.parametrize(
    ("answered", "advice"),
    [
        ("the server answered 401: x", "key and secret must be those that the server has"),
        ("the server answered 404: No matching application for ID [9].", "[9]; the server has other apps"),
        ("the server refused the connection: 4003 Application disabled", "revurb apps enable"),
        ("the server answered 429: Too many", "a limit of the app"),
    ],
)
def test_a_refusal(answered: str, advice: str) -> None:
    assert advice in with_advice(answered)


def test_a_port_without_tls(project: Project) -> None:
    with api_server() as api:
        error = project.run("trigger", "a", "b", "--url", f"https://127.0.0.1:{api.port}").stderr
    assert error.rstrip().endswith("; that port speaks no TLS: name it with http:// or ws://")
    assert error.count("\n") == 1


def test_a_certificate_of_nobody(project: Project, tls: ssl.SSLContext) -> None:
    with api_server(tls) as api:
        error = project.run("trigger", "a", "b", "--url", f"https://127.0.0.1:{api.port}").stderr
    assert error.rstrip().endswith("trust its CA: SSL_CERT_FILE names a file of CAs")


def test_a_port_that_does_not_answer(project: Project) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert project.run("health", "--url", url, "--timeout", "0.1").exit_code == 1
        assert with_advice(f"cannot reach {url}: no answer within 0.1 s").endswith("or a firewall before it?")


def test_a_host_that_is_none(project: Project) -> None:
    assert "; check the host in --url" in project.run("listen", "a", "--url", "ws://nobody.invalid").stderr
