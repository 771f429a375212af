from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import trustme

from revurb import Server
from revurb.cli.client import send_unsigned
from revurb.cli.subscription import Subscriber
from revurb.cli.target import address_of, choose_app, parse_url
from revurb.config import App, Config, ServerConfig, TlsConfig
from tests.cli.conftest import Project
from tests.processes.test_single_node import write_certificate

ONE = App(id="1", key="one", secret="s")
TWO = App(id="2", key="two", secret="s")


@pytest.mark.parametrize(
    ("server", "url"),
    [
        (ServerConfig(), "http://127.0.0.1:8080"),
        (ServerConfig(host="::"), "http://[::1]:8080"),
        (ServerConfig(host="10.0.0.7", port=7000, path="/ws"), "http://10.0.0.7:7000/ws"),
    ],
)
def test_the_configured_node_is_on_this_host(server: ServerConfig, url: str) -> None:
    assert address_of(Config(server=server), None).url("http") == url


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://ws.example.com", "ws://ws.example.com:80/app/k"),
        ("ws://ws.example.com:8080/", "ws://ws.example.com:8080/app/k"),
        ("https://ws.example.com/prefix/", "wss://ws.example.com:443/prefix/app/k"),
        ("wss://[::1]:7000", "wss://[::1]:7000/app/k"),
    ],
)
def test_a_url_names_another_node(given: str, url: str) -> None:
    assert address_of(Config(), given).url("ws", "/app/k") == url


@pytest.mark.parametrize(
    "given",
    ["ws.example.com", "ftp://h", "http://", "http://h:x", "http://h:99999", "http://h/?a=b", "http://h#a"],
)
def test_what_is_not_such_a_url(given: str) -> None:
    with pytest.raises(click.ClickException) as caught:
        address_of(Config(), given)
    assert caught.value.message == f"--url: found {given!r}; allowed: a URL such as https://ws.example.com"


def test_a_port_that_is_not_known() -> None:
    with pytest.raises(click.ClickException, match=r"server\.port is 0.*--url"):
        address_of(Config(server=ServerConfig(port=0)), None)


def test_a_file_that_is_no_certificate(project: Project) -> None:
    path = str(project.write("cert.pem", "nonsense"))
    with pytest.raises(click.ClickException, match=r"tls\.cert: .* is not a certificate in PEM form"):
        address_of(Config(tls=TlsConfig(cert=path, key=path)), None)


@pytest.mark.parametrize(("apps", "given", "chosen"), [((ONE,), None, ONE), ((ONE, TWO), "2", TWO)])
def test_an_app_is_chosen(apps: tuple[App, ...], given: str | None, chosen: App) -> None:
    assert choose_app(Config(apps=apps), given) is chosen


@pytest.mark.parametrize(
    ("apps", "given", "message"),
    [
        ((ONE, TWO), None, "--app: not given, and there are 2 apps; known ids: 1, 2"),
        ((ONE, TWO), "3", "--app: there is no app with the id '3'; known ids: 1, 2"),
    ],
)
def test_a_choice_that_cannot_be_made_names_the_ids(
    apps: tuple[App, ...], given: str | None, message: str
) -> None:
    with pytest.raises(click.ClickException) as caught:
        choose_app(Config(apps=apps), given)
    assert caught.value.message == message


class TestProvider:
    MODULE = """
from revurb.apps import App, FixedApps

class Fixed(FixedApps):
    def __init__(self):
        super().__init__([App(id="1", key="one", secret="s")])

class Waiting(Fixed):
    async def find_by_id(self, app_id):
        return App(id="hidden", key="k", secret="s") if app_id == "hidden" else None

class Failing(Fixed):
    def find_by_id(self, app_id):
        raise RuntimeError("no database")
"""

    @pytest.fixture(autouse=True)
    def module(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        project.write("cli_providers.py", self.MODULE)
        monkeypatch.setattr(sys, "path", list(sys.path))
        yield
        sys.modules.pop("cli_providers", None)

    def config(self, name: str) -> Config:
        return Config(app_provider=f"cli_providers:{name}", apps=(TWO,))

    @pytest.mark.parametrize(
        ("name", "given", "key"), [("Fixed", None, "one"), ("Fixed", "1", "one"), ("Waiting", "hidden", "k")]
    )
    def test_it_is_asked_instead_of_the_configuration(self, name: str, given: str | None, key: str) -> None:
        assert choose_app(self.config(name), given).key == key

    @pytest.mark.parametrize("name", ["Fixed", "Waiting"])
    def test_what_it_does_not_know(self, name: str) -> None:
        with pytest.raises(click.ClickException) as caught:
            choose_app(self.config(name), "2")
        assert caught.value.message == "--app: there is no app with the id '2'; known ids: 1"

    def test_it_fails(self) -> None:
        with pytest.raises(click.ClickException) as caught:
            choose_app(self.config("Failing"), "1")
        assert (
            caught.value.message == "the app provider cli_providers:Failing failed: RuntimeError: no database"
        )

    def test_it_cannot_be_loaded(self) -> None:
        with pytest.raises(SystemExit) as caught:
            choose_app(self.config("Lost"), "1")
        assert caught.value.code == 2


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
async def test_a_server_that_takes_this_host_for_a_proxy(tmp_path: Path, secure: bool) -> None:
    """Its proxies are on loopback and speak the PROXY protocol, and so do the commands that ask it."""
    cert, key = write_certificate(tmp_path, trustme.CA()) if secure else (None, None)
    app = App(id="1", key="one", secret="s")
    async with Server(
        apps=[app], port=0, trusted_proxies=["127.0.0.1"], proxy_protocol=True, tls_cert=cert, tls_key=key
    ) as server:
        config = Config(
            server=ServerConfig(port=server.port, trusted_proxies=("127.0.0.1",), proxy_protocol=True),
            tls=TlsConfig(cert=cert, key=key),
        )
        address = address_of(config, None)
        ready = await asyncio.to_thread(send_unsigned, address, "/ready", 5.0)
        assert (ready.status, ready.text) == (200, '{"ready":true}')
        told: asyncio.Queue[str] = asyncio.Queue()
        subscriber = Subscriber(address, app, ["a"], None, lambda event: None, told.put_nowait)
        task = asyncio.create_task(subscriber.run())
        async with asyncio.timeout(5):
            assert (await told.get()).startswith(f"connected to {address.url('ws')} as ")
        task.cancel()
        await asyncio.wait((task,))
        assert server._node.counters.proxy_headers_refused_total == 0


def test_a_password_is_not_shown() -> None:
    with pytest.raises(click.ClickException) as error:
        parse_url("https://user:hush@ws.example.com/")
    assert error.value.message.startswith("--url: found 'https://...@ws.example.com/'; allowed: a URL")
    with pytest.raises(click.ClickException, match="found"):
        parse_url("http://127.0.0.1/\udcff")  # a byte of the command line that is not UTF-8
