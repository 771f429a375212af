"""Who a client is behind real proxies, by their headers and by the PROXY protocol: what the log says of a refusal."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from revurb import App, Server
from tests.client import api, connect, http
from tests.conftest import Need
from tests.node.proxies import STREAM_MODULE, haproxy, nginx
from tests.processes.test_single_node import write_certificate
from tests.redis_server import free_port

APP = App(id="1", key="app-key", secret="app-secret")
REVERSE = """http {{ PATHS server {{ listen {listen}; location / {{
    proxy_pass http://{target}; proxy_http_version 1.1; proxy_set_header Host 127.0.0.1;
    proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }} }} }}"""
STREAM = """load_module {module};
stream {{ server {{ listen {listen}; proxy_pass {target}; proxy_protocol on; }} }}"""
TCP = """listen through
    mode tcp
    bind {listen}
    server a {target} {send}"""


def reverse(port: int, target: str) -> str:
    return REVERSE.format(listen=f"127.0.0.1:{port}", target=target)


@pytest.fixture
def clients(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """The addresses in the lines since they were last asked for."""
    caplog.set_level(logging.INFO, "revurb")

    def found() -> list[str]:
        records = [record for record in caplog.records if record.name == "revurb.observe.refusal_log"]
        caplog.clear()
        return [vars(record)["client"] for record in records]

    return found


@asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[Server]:
    async with Server(apps=[APP], port=0, **options) as server:
        yield server


async def is_known(clients: Callable[[], list[str]], port: int, tls: ssl.SSLContext | None = None) -> None:
    """Through the proxy on `port`, a session has the address of this socket."""
    async with connect(port, "app-key", tls=tls) as client:
        assert client.response.status == 101
        await client.subscribe("a")
        await client.send("nonsense")
        await client.expect_error(4200)
        assert clients() == [f"127.0.0.1:{client._writer.get_extra_info('sockname')[1]}"]


async def test_nginx_says_it_in_a_header(need: Need, tmp_path: Path, clients: Any) -> None:
    """nginx appends the address of this process, which is trusted here: the one to its left is the client then."""
    port = free_port()
    async with (
        serving(trusted_proxies=["127.0.0.0/8"]) as server,
        nginx(need("nginx"), tmp_path, port, reverse(port, f"127.0.0.1:{server.port}")),
    ):  # fmt: skip
        made_up = [("X-Forwarded-For", "192.0.2.7"), ("Forwarded", "for=6.6.6.6")]
        async with connect(port, "nope", greet=False, headers=made_up) as client:
            await client.closed()
        assert clients() == ["192.0.2.7"]  # loopback is trusted, so the one behind it is the client
        async with http(port) as connection:
            assert (await connection.request("GET", "/nowhere", headers=made_up)).status == 404
        assert clients() == ["192.0.2.7"]
        async with connect(port, "app-key", headers=made_up) as client:
            await client.send("nonsense")
            await client.expect_error(4200)
        assert clients() == ["192.0.2.7"]
        assert (await api(port, APP, "GET", "/channels")).status == 200


async def test_what_a_client_makes_up_is_believed_by_nobody(need: Need, tmp_path: Path, clients: Any) -> None:
    port = free_port()
    async with (
        serving(trusted_proxies=["127.0.0.1"]) as server,
        nginx(need("nginx"), tmp_path, port, reverse(port, f"127.0.0.1:{server.port}")),
    ):  # fmt: skip
        with socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.2", 0)) as sock:
            sock.sendall(
                b"GET /nowhere HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 127.0.0.1\r\nForwarded: for=6.6.6.6\r\n\r\n"
            )
            assert b"404" in await asyncio.to_thread(sock.recv, 4096)
        assert clients() == ["127.0.0.2"]


async def test_whom_nobody_trusts_is_not_believed(need: Need, tmp_path: Path, clients: Any) -> None:
    async with serving(trusted_proxies=["192.0.2.0/24"]) as server, http(server.port) as connection:
        await connection.request("GET", "/nowhere", headers=[("X-Forwarded-For", "192.0.2.7")])
        (client,) = clients()
        assert client.startswith("127.0.0.1:")


async def test_one_connection_of_a_proxy_has_requests_of_many(clients: Any) -> None:
    async with serving(trusted_proxies=["*"]) as server, http(server.port) as connection:
        for number in (1, 2):
            await connection.request(
                "GET", "/nowhere", headers=[("X-Forwarded-For", f"6.6.6.6, 192.0.2.{number}")]
            )
        await connection.request("GET", "/nowhere")
        assert clients()[:2] == ["192.0.2.1", "192.0.2.2"]


async def test_a_unix_socket_is_trusted_by_its_name(need: Need, tmp_path: Path, clients: Any) -> None:
    port, path = free_port(), tmp_path / "revurb.sock"
    async with (
        serving(trusted_proxies=["unix"], unix_socket=path) as server,
        nginx(need("nginx"), tmp_path, port, reverse(port, f"unix:{path}")),
    ):
        assert server.port
        async with connect(port, "nope", greet=False) as client:
            await client.closed()
        assert clients() == ["127.0.0.1"]


@pytest.mark.parametrize("send", ["send-proxy", "send-proxy-v2"])
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
async def test_haproxy_speaks_the_proxy_protocol(
    need: Need, tmp_path: Path, clients: Any, send: str, secure: bool
) -> None:
    """With TLS the header is ahead of the hello, which HAProxy passes through."""
    authority, tls, options = trustme.CA(), None, {}
    if secure:
        cert, key = write_certificate(tmp_path, authority)
        tls = ssl.create_default_context()
        authority.configure_trust(tls)
        options = {"tls_cert": cert, "tls_key": key}
    port = free_port()
    async with serving(trusted_proxies=["127.0.0.1"], proxy_protocol=True, **options) as server:
        target = f"127.0.0.1:{server.port}"
        configuration = TCP.format(listen=f"127.0.0.1:{port}", target=target, send=send)
        async with haproxy(need("haproxy"), tmp_path, port, configuration):
            await is_known(clients, port, tls)
            assert server._node.counters.proxy_headers_refused_total == 0


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
@pytest.mark.parametrize("send", ["send-proxy", "send-proxy-v2"])
async def test_a_client_of_ipv6(need: Need, tmp_path: Path, clients: Any, send: str) -> None:
    """It comes over IPv6 to the proxy, which comes over a Unix socket."""
    port, path = free_port(), tmp_path / "revurb.sock"
    async with serving(trusted_proxies=["unix"], proxy_protocol=True, unix_socket=path) as server:
        assert server.port
        listen = f"127.0.0.1:{port}\n    bind [::1]:{port}"
        async with haproxy(
            need("haproxy"), tmp_path, port, TCP.format(listen=listen, target=f"unix@{path}", send=send)
        ):
            with socket.create_connection(("::1", port)) as sock:
                own = sock.getsockname()[1]
                sock.settimeout(5)
                sock.sendall(b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n")
                assert b"404" in await asyncio.to_thread(sock.recv, 4096)
            assert clients() == [f"[::1]:{own}"]


async def test_nginx_speaks_the_proxy_protocol(need: Need, tmp_path: Path, clients: Any) -> None:
    if not STREAM_MODULE.exists():
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing("libnginx-mod-stream is not installed")
    port = free_port()
    async with serving(trusted_proxies=["127.0.0.1"], proxy_protocol=True) as server:
        configuration = STREAM.format(
            module=STREAM_MODULE, listen=f"127.0.0.1:{port}", target=f"127.0.0.1:{server.port}"
        )
        async with nginx(need("nginx"), tmp_path, port, configuration):
            await is_known(clients, port)
