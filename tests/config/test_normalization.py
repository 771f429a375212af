from __future__ import annotations

import pytest

from revurb.config.normalization import shown_addresses
from tests.config.project import Project


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("/ws", "/ws"),
        ("ws", "/ws"),
        ("/ws/", "/ws"),
        ("a/b/", "/a/b"),
        ("/", ""),
        ("//", ""),
        (" ws ", "/ws"),
    ],
)
def test_the_path_becomes_a_prefix(project: Project, given: str, path: str) -> None:
    assert project.load({"REVERB_SERVER_PATH": given}).server.path == path


@pytest.mark.parametrize(
    ("given", "hosts", "shown"),
    [
        ("0.0.0.0", ("0.0.0.0",), "0.0.0.0:80"),
        ("[::]", ("::",), "[::]:80"),
        ("::", ("::",), "[::]:80"),
        (
            "10.0.0.1, [::1] ,localhost",
            ("10.0.0.1", "::1", "localhost"),
            "10.0.0.1:80, [::1]:80, localhost:80",
        ),
    ],
)
def test_hosts_to_listen_on(project: Project, given: str, hosts: tuple[str, ...], shown: str) -> None:
    server = project.load({"REVERB_SERVER_HOST": given}).server
    assert server.hosts == hosts
    assert shown_addresses(server.host, 80) == shown


@pytest.mark.parametrize("given", [",", "a,", "[::", "::]", "a b"])
def test_what_is_no_host(project: Project, given: str) -> None:
    (problem,) = project.problems({"REVERB_SERVER_HOST": given})
    assert problem == (
        f"server.host: found {given!r} in environment (REVERB_SERVER_HOST); allowed: host names or addresses, by commas"
    )


@pytest.mark.parametrize(
    "given", ["bad name", "redis..internal", ".internal", "redis://h", "x" * 64, "a,b..c"]
)
def test_what_tls_takes_for_no_name(project: Project, given: str) -> None:
    """A handshake with it would fail within the loop, which prints objects then."""
    (problem,) = project.problems({"REVURB_REDIS_TLS_SERVER_NAME": given})
    assert problem == (
        f"scaling.redis.tls_server_name: found {given!r} in environment (REVURB_REDIS_TLS_SERVER_NAME); "
        "allowed: a host name"
    )


@pytest.mark.parametrize("given", ["redis.internal", "10.0.0.1", "::1", "münchen.example", "_x.y.", " h "])
def test_a_name_for_tls(project: Project, given: str) -> None:
    environ = {"REVURB_REDIS_TLS_SERVER_NAME": given}
    assert project.load(environ).scaling.redis.tls_server_name == given.strip()


def test_trusted_proxies(project: Project) -> None:
    given = "10.1.2.3/8, 192.0.2.7,2001:DB8::/32 ,*, unix"
    proxies = project.load({"REVURB_TRUSTED_PROXIES": given}).server.trusted_proxies
    assert proxies == ("10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "*", "unix")


@pytest.mark.parametrize(
    ("given", "entry"),
    [
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("::FFFF:a01:203", "10.1.2.3"),
        ("::ffff:10.1.2.3/104", "10.0.0.0/8"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::ffff:0:0/90", "::ffc0:0:0/90"),
        ("::1", "::1"),
    ],
)
def test_proxies_of_ipv4_that_are_written_as_ipv6(project: Project, given: str, entry: str) -> None:
    """As servers log them that listen on both; peers are known by their addresses of IPv4."""
    assert project.load({"REVURB_TRUSTED_PROXIES": given}).server.trusted_proxies == (entry,)


@pytest.mark.parametrize("given", ["proxy.example", "10.0.0.0/33", "10.0.0.1:80", "[::1]", "**"])
def test_what_is_no_proxy(project: Project, given: str) -> None:
    (problem,) = project.problems({"REVURB_TRUSTED_PROXIES": given})
    assert problem.startswith("server.trusted_proxies: found ")
    assert problem.endswith(
        "allowed: addresses and networks such as 10.0.0.0/8, `unix` for the Unix socket, or `*`"
    )


def test_the_proxy_protocol_of_trusted_proxies(project: Project) -> None:
    server = project.load({"REVURB_TRUSTED_PROXIES": "10.0.0.1", "REVURB_PROXY_PROTOCOL": "on"}).server
    assert (server.trusted_proxies, server.proxy_protocol) == (("10.0.0.1",), True)
