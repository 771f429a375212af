"""The arguments of `revurb.Server`: what each may be, and how a wrong one is told."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

from revurb import App, Server
from revurb.node.server_arguments import (
    KEYS,
    Limits,
    channel_names,
    config_of_arguments,
    json_text,
    text,
    user_id_text,
)

APP = App(id="1", key="k", secret="hush")
NOT_OPTIONS = {"self", "apps", "app_provider", "record_events", "limits", "hooks"}


class Provider:
    def find_by_id(self, app_id: str) -> App | None:
        return None

    def find_by_key(self, key: str) -> App | None:
        return None

    def all(self) -> list[App]:
        return []


def test_every_parameter_is_an_option() -> None:
    parameters = set(inspect.signature(Server.__init__).parameters) - NOT_OPTIONS
    assert parameters | set(Limits.__annotations__) == set(KEYS)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"port": 70000}, ValueError, "Server.port: found 70000; allowed: an integer from 0 to 65535"),
        ({"port": "8080"}, TypeError, "Server.port: found '8080'; allowed: an integer from 0 to 65535"),
        ({"port": True}, TypeError, "Server.port: found True; allowed: an integer from 0 to 65535"),
        ({"port": None}, TypeError, "Server.port: found None; allowed: an integer from 0 to 65535"),
        ({"host": ""}, ValueError, "Server.host: found ''; allowed: host names or addresses, by commas"),
        ({"host": b"h"}, TypeError, "Server.host: found b'h'; allowed: host names or addresses, by commas"),
        ({"path": "a b"}, ValueError,
         "Server.path: found 'a b'; allowed: a URL path of letters, digits and . _ ~ - /, such as /ws"),
        ({"drain_timeout_s": -1}, ValueError, "Server.drain_timeout_s: found -1; allowed: a number of 0 or more"),
        ({"drain_timeout_s": float("nan")}, ValueError,
         "Server.drain_timeout_s: found nan; allowed: a number of 0 or more"),
        ({"compression": "on"}, ValueError, "Server.compression: found 'on'; allowed: off, shared or dedicated"),
        ({"debug": 1}, TypeError, "Server.debug: found 1; allowed: true or false"),
        ({"record_events": 1}, TypeError, "Server.record_events: found 1; allowed: true or false"),
        ({"max_connections": 0}, ValueError,
         "Server.max_connections: found 0; allowed: an integer of 1 or more, or None"),
        ({"max_conections": 5}, TypeError,
         "Server: there is no parameter 'max_conections'; did you mean \"max_connections\"?"),
        ({"tls_cert": "cert.pem"}, ValueError, "Server: TLS needs both tls_cert and tls_key"),
        ({"apps": APP}, TypeError, "Server.apps: found an App; allowed: a list of revurb.App"),
        ({"apps": [{"id": "1", "secret": "hush"}]}, TypeError,
         "Server.apps: found dict in it; allowed: revurb.App"),
        ({"apps": 5}, TypeError, "Server.apps: found int; allowed: a list of revurb.App"),
        ({"apps": []}, ValueError, "Server.apps: a server needs apps or an app_provider"),
        ({"app_provider": Provider()}, ValueError,
         "Server.apps: not used with an app_provider, which finds all apps; give one of them"),
        ({"apps": (), "app_provider": Provider}, TypeError,
         "Server.app_provider: found a class, not its instance; allowed: an object with find_by_id, find_by_key, all"),
        ({"apps": (), "app_provider": object()}, TypeError,
         "Server.app_provider: found object; allowed: an object with find_by_id, find_by_key, all "
         "(it lacks find_by_id, find_by_key, all)"),
    ],
)  # fmt: skip
def test_a_wrong_argument(arguments: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        Server(**{"apps": [APP], **arguments})
    assert str(caught.value) == text


def test_arguments_become_a_configuration(tmp_path: Path) -> None:
    config = config_of_arguments(
        [APP],
        None,
        {
            "port": 0,
            "path": "ws/",
            "unix_socket": tmp_path / "s",
            "tls_cert": None,
            "tls_key": None,
            "drain_timeout_s": 2,
            "max_connections": None,
            "cache_ttl_s": 5,
        },
    )
    assert (config.server.port, config.server.path, config.server.drain_timeout_s) == (0, "/ws", 2.0)
    assert config.server.unix_socket == str(tmp_path / "s")
    assert (config.limits.cache_ttl_s, config.limits.max_request_size_bytes) == (5, 10_000)
    assert config.apps == (APP,)


def test_a_provider_alone() -> None:
    Server(app_provider=Provider(), port=0)


def test_arguments_of_methods() -> None:
    assert channel_names("a") == ["a"]
    assert channel_names(name for name in ("a", "\u00e9")) == ["a", "\u00e9"]
    assert (json_text(""), json_text({"a": [1]})) == ("", '{"a":[1]}')
    assert (user_id_text(7), user_id_text("7")) == ("7", "7")
    assert text("channels", "prefix", "", may_be_empty=True) == ""


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda server: server.trigger(5, "e", 1), TypeError,
         "Server.trigger.channels: found 5; allowed: a name, or a list of names"),
        (lambda server: server.trigger(b"a", "e", 1), TypeError,
         "Server.trigger.channels: found b'a'; allowed: a name, or a list of names"),
        (lambda server: server.trigger(["a", None], "e", 1), TypeError,
         "Server.trigger.channels: found None; allowed: a text that is not empty"),
        (lambda server: server.trigger("", "e", 1), ValueError,
         "Server.trigger.channels: found ''; allowed: a text that is not empty"),
        (lambda server: server.trigger("a", None, 1), TypeError,
         "Server.trigger.event: found None; allowed: a text that is not empty"),
        (lambda server: server.trigger("a", "\ud800", 1), ValueError,
         "Server.trigger.event: has half of a surrogate pair in it, which no client can get"),
        (lambda server: server.trigger("a", "e", b"x"), TypeError,
         "Server.trigger.data: Type is not JSON serializable: bytes; allowed: a text, or what JSON has"),
        (lambda server: server.trigger("a", "e", "\ud800"), ValueError,
         "Server.trigger.data: has half of a surrogate pair in it, which no client can get"),
        (lambda server: server.trigger("a", "e", 1, socket_id=5), TypeError,
         "Server.trigger.socket_id: found 5; allowed: a text that is not empty"),
        (lambda server: server.channels(5), TypeError, "Server.channels.prefix: found 5; allowed: a text"),
        (lambda server: server.users(5), TypeError,
         "Server.users.channel: found 5; allowed: a text that is not empty"),
        (lambda server: server.terminate(None), TypeError,
         "Server.terminate.user_id: found None; allowed: a text that is not empty"),
        (lambda server: server.terminate(True), TypeError,
         "Server.terminate.user_id: found True; allowed: a text that is not empty"),
    ],
)  # fmt: skip
async def test_a_wrong_argument_of_a_method_is_named(call: Any, error: type[Exception], said: str) -> None:
    async with Server(apps=[APP], port=0) as server:
        with pytest.raises(error) as caught:
            await call(server)
        assert str(caught.value) == said
