"""`revurb trigger`."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from revurb import App, Server
from tests.cli.conftest import Project
from tests.cli.servers import Api, api_server


@pytest.fixture
def api(project: Project) -> Iterator[Api]:
    with api_server() as api:
        project.add(REVERB_SERVER_PORT=api.port)
        yield api


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        (["orders", "created", '{"id":7}'], {"name": "created", "channels": ["orders"], "data": '{"id":7}'}),
        (["a, b,", "e", "text"], {"name": "e", "channels": ["a", "b"], "data": "text"}),
        (["a", "e", "-"], {"name": "e", "channels": ["a"], "data": "from standard input"}),
        (["a", "e", ""], {"name": "e", "channels": ["a"], "data": ""}),
        (["a", "e"], {"name": "e", "channels": ["a"], "data": "{}"}),
        (
            ["a", "e", "{}", "--socket-id", "1.2"],
            {"name": "e", "channels": ["a"], "data": "{}", "socket_id": "1.2"},
        ),
    ],
)
def test_an_event_is_sent_as_given(
    project: Project, api: Api, arguments: list[str], body: dict[str, object]
) -> None:
    result = project.run("trigger", *arguments, input="from standard input")
    assert (result.exit_code, result.stderr) == (0, "")
    ((method, target, sent),) = api.requests
    assert (method, urlsplit(target).path) == ("POST", "/apps/1/events")
    assert json.loads(sent) == {**body, "info": "subscription_count,user_count"}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"a": {"subscription_count": 2}}, "Sent e to a, which has 2 subscribers\nSent e to presence-b\n"),
        (
            {"a": {"subscription_count": 1}, "presence-b": {"user_count": 1}},
            "Sent e to a, which has 1 subscriber\nSent e to presence-b, which has 1 user\n",
        ),
        (
            {"a": {}, "presence-b": {}},
            "Sent e to a, which has no subscribers\nSent e to presence-b, which has no subscribers\n",
        ),
    ],
)
def test_it_says_where_the_event_went(project: Project, api: Api, answer: object, told: str) -> None:
    api.answer = json.dumps({"channels": answer}).encode()
    assert project.run("trigger", "a,presence-b,a", "e").stdout == told


@pytest.mark.parametrize("answer", [b"{}", b"ok", b'{"channels":[]}', b'{"channels":{"a":3}}', b"[]"])
def test_a_server_that_does_not_count(project: Project, api: Api, answer: bytes) -> None:
    api.answer = answer
    result = project.run("trigger", "a", "e")
    assert (result.exit_code, result.stdout) == (0, "Sent e to a\n")


def test_the_prefix_of_the_configuration(project: Project, api: Api) -> None:
    project.add(REVERB_SERVER_PATH="/ws")
    project.run("trigger", "a", "e", "{}")
    assert urlsplit(api.requests[0][1]).path == "/ws/apps/1/events"


def test_another_node(project: Project, api: Api, closed_port: int) -> None:
    project.add(REVERB_SERVER_PORT=closed_port)
    result = project.run("trigger", "a", "e", "{}", "--url", f"http://localhost:{api.port}/prefix")
    assert result.exit_code == 0
    assert urlsplit(api.requests[0][1]).path == "/prefix/apps/1/events"


def test_one_of_several_apps(project: Project, api: Api) -> None:
    project.write("revurb.toml", '[[apps]]\nid = "shop"\nkey = "shop-key"\nsecret = "hush"\n')
    assert project.run("trigger", "a", "e", "{}", "--app", "shop").exit_code == 0
    assert "auth_key=shop-key" in api.requests[0][1]
    result = project.run("trigger", "a", "e", "{}")
    assert (result.exit_code, result.stderr) == (
        2,
        "Error: --app: not given, and there are 2 apps; known ids: shop, 1\n",
    )


def test_who_is_there_for_programs(project: Project, api: Api) -> None:
    api.answer = b'{"channels":{"a":{"subscription_count":2}}}'
    result = project.run("trigger", "a,b", "e", "{}", "--json")
    assert json.loads(result.stdout) == {"a": {"subscription_count": 2}, "b": {}}


def test_a_refusal_is_shown_with_its_status(project: Project, api: Api) -> None:
    api.status, api.answer = 401, b"Authentication signature invalid.\x1b[31m"
    result = project.run("trigger", "a", "e", "{}")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(
        "Error: the server answered 401: Authentication signature invalid.\\x1b[31m; key and secret must be"
    )


def test_a_node_with_limits_of_pusher_says_which(project: Project) -> None:
    app = App(id="1", key="the-key", secret="hush-hush")
    with Server(apps=[app], port=0, limits_profile="pusher") as server:
        project.add(REVERB_SERVER_PORT=server.port)
        assert project.run("trigger", "a", "e", "x" * 10_240).exit_code == 0
        result = project.run("trigger", "a", "e", "-", input="x" * 10_241)
        assert result.stderr.startswith(
            "Error: the server answered 413: The data content of this event exceeds"
        )
        assert "answered 400: Invalid channel name: 'a b' has" in project.run("trigger", "a b", "e").stderr


def test_no_server(project: Project, closed_port: int) -> None:
    project.add(REVERB_SERVER_PORT=closed_port)
    result = project.run("trigger", "a", "e", "{}")
    assert (result.exit_code, result.stderr) == (
        1,
        f"Error: cannot reach http://127.0.0.1:{closed_port}: connection refused; "
        "start one with revurb serve, or name another with --url\n",
    )


def test_a_host_name_that_cannot_be(project: Project) -> None:
    result = project.run("trigger", "a", "e", "{}", "--url", f"http://{'x' * 70}.example")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: cannot reach http://xxx")


def test_no_channel(project: Project) -> None:
    result = project.run("trigger", ",", "e", "{}")
    assert (result.exit_code, result.stderr) == (
        2,
        "Error: CHANNEL: found no name; allowed: names separated by commas\n",
    )


def test_no_app(project: Project) -> None:
    (project.root / ".env").unlink()
    result = project.run("trigger", "a", "e", "{}")
    assert result.exit_code == 2
    assert "apps: not set" in result.stderr


class TestTls:
    def test_the_certificate_of_the_configuration_is_trusted(
        self, project: Project, tls: ssl.SSLContext
    ) -> None:
        project.add(REVURB_TLS_CERT="cert.pem", REVURB_TLS_KEY="key.pem")
        with api_server(tls) as api:
            project.add(REVERB_SERVER_PORT=api.port)
            assert project.run("trigger", "a", "e", "{}").exit_code == 0

    def test_another_one_is_not(self, project: Project, tls: ssl.SSLContext) -> None:
        with api_server(tls) as api:
            url = f"https://127.0.0.1:{api.port}"
            result = project.run("trigger", "a", "e", "{}", "--url", url)
        assert result.exit_code == 1
        assert result.stderr.startswith(f"Error: cannot reach {url}: its certificate is not trusted: ")
