"""Names, precedence and provenance of the node's own options."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest

from revurb.config import AUTO_WORKERS, SETTINGS, Config, load, rows
from tests.config.project import APP, APP_TOML, Project

# Each environment name, a text for it, and what it must come to. Paths are checked separately.
NAMES: list[tuple[str, str, str, Any]] = [
    ("REVERB_SERVER_HOST", "127.0.0.1", "server.host", "127.0.0.1"),
    ("REVERB_SERVER_PORT", "6001", "server.port", 6001),
    ("REVERB_SERVER_PATH", "ws", "server.path", "/ws"),
    ("REVERB_HOST", "ws.example.com", "server.hostname", "ws.example.com"),
    ("REVERB_PORT", "8443", "server.public_port", 8443),
    ("REVERB_SCHEME", "http", "server.public_scheme", "http"),
    ("REVURB_UNIX_SOCKET", "/run/r.sock", "server.unix_socket", "/run/r.sock"),
    ("REVURB_UNIX_SOCKET_MODE", "0600", "server.unix_socket_mode", 0o600),
    ("REVURB_DRAIN_TIMEOUT", "2.5", "server.drain_timeout_s", 2.5),
    ("REVURB_TLS_KEY_PASSWORD", "p", "tls.key_password", "p"),
    ("REVERB_MAX_REQUEST_SIZE", "20000", "limits.max_request_size_bytes", 20000),
    ("REVURB_MAX_HEAD_SIZE", "8192", "limits.max_head_size_bytes", 8192),
    ("REVURB_REQUEST_TIMEOUT", "5", "limits.request_timeout_s", 5.0),
    ("REVURB_KEEP_ALIVE_TIMEOUT", "5", "limits.keep_alive_timeout_s", 5.0),
    ("REVURB_SIGNATURE_MAX_AGE", "0", "limits.signature_max_age_s", 0),
    ("REVURB_PONG_TIMEOUT", "5", "limits.pong_timeout_s", 5.0),
    ("REVURB_CLOSE_TIMEOUT", "5", "limits.close_timeout_s", 5.0),
    ("REVURB_MAX_QUEUED_BYTES", "4096", "limits.max_queued_bytes", 4096),
    ("REVURB_MAX_CONNECTIONS", "7", "limits.max_connections", 7),
    ("REVURB_CACHE_TTL", "60", "limits.cache_ttl_s", 60),
    ("REVURB_COMPRESSION", "shared", "compression.mode", "shared"),
    ("REVURB_COMPRESSION_MIN_SIZE", "100", "compression.min_size_bytes", 100),
    ("REVURB_LOG_FORMAT", "json", "log.format", "json"),
    ("REVURB_LOG_LEVEL", "debug", "log.level", "debug"),
    ("REVURB_DEBUG_MESSAGES", "true", "log.debug", True),
    ("REVURB_WORKERS", "4", "process.workers", 4),
    ("REVURB_WATCHDOG_WARN", "2.5", "process.watchdog_warn_s", 2.5),
    ("REVURB_WATCHDOG_KILL", "60", "process.watchdog_kill_s", 60.0),
    ("REVURB_RUNTIME_DIR", "/run/r", "process.runtime_dir", "/run/r"),
    ("REVERB_SCALING_CHANNEL", "nodes", "scaling.channel", "nodes"),
    ("REDIS_URL", "redis://u:p@h", "scaling.redis.url", "redis://u:p@h"),
    ("REDIS_HOST", "redis", "scaling.redis.host", "redis"),
    ("REDIS_PORT", "6380", "scaling.redis.port", 6380),
    ("REDIS_USERNAME", "u", "scaling.redis.username", "u"),
    ("REDIS_PASSWORD", "p", "scaling.redis.password", "p"),
    ("REDIS_DB", "3", "scaling.redis.db", 3),
    ("REDIS_TIMEOUT", "1", "scaling.redis.timeout_s", 1.0),
    ("REVERB_SCALING_ENABLED", "true", "scaling.enabled", True),
    ("REVURB_SCALING_PROTOCOL", "revurb", "scaling.protocol", "revurb"),
    ("REDIS_SCHEME", "tls", "scaling.redis.scheme", "tls"),
    ("REVURB_REDIS_ANSWER_TIMEOUT", "1", "scaling.redis.answer_timeout_s", 1.0),
    ("REVURB_REDIS_PREFIX", "chat", "scaling.redis.prefix", "chat"),
    ("REVURB_REDIS_LEASE", "5", "scaling.redis.lease_s", 5.0),
    ("REVURB_REDIS_LOG", "30", "scaling.redis.kept_s", 30.0),
    ("REVURB_REDIS_TLS_SERVER_NAME", "redis", "scaling.redis.tls_server_name", "redis"),
    ("REVURB_REDIS_SENTINELS", "a:1,b:2", "scaling.redis.sentinels", ("a:1", "b:2")),
    ("REVURB_REDIS_SENTINEL_MASTER", "main", "scaling.redis.sentinel_master", "main"),
    ("REVURB_REDIS_SENTINEL_PASSWORD", "p", "scaling.redis.sentinel_password", "p"),
    ("REVURB_REDIS_CLUSTER", "true", "scaling.redis.cluster", True),
    ("REVURB_REDIS_FACTORY", "my.redis:make", "scaling.redis.factory", "my.redis:make"),
    ("REVURB_APP_PROVIDER", "my.apps:Provider", "app_provider", "my.apps:Provider"),
]

DEFAULTS = {
    "server.host": "0.0.0.0",
    "server.port": 8080,
    "server.path": "",
    "server.hostname": None,
    "server.public_port": 443,
    "server.public_scheme": "https",
    "server.unix_socket": None,
    "server.unix_socket_mode": 0o660,
    "server.drain_timeout_s": 10.0,
    "tls.cert": None,
    "tls.key": None,
    "tls.key_password": None,
    "limits.max_request_size_bytes": 10_000,
    "limits.max_head_size_bytes": 16_384,
    "limits.request_timeout_s": 10.0,
    "limits.keep_alive_timeout_s": 75.0,
    "limits.signature_max_age_s": 600,
    "limits.pong_timeout_s": 30.0,
    "limits.close_timeout_s": 3.0,
    "limits.max_queued_bytes": 1_048_576,
    "limits.max_connections": None,
    "limits.cache_ttl_s": 1800,
    "compression.mode": "off",
    "compression.min_size_bytes": 512,
    "log.format": "plain",
    "log.level": "info",
    "log.debug": False,
    "process.workers": 1,
    "process.watchdog_warn_s": 5.0,
    "process.watchdog_kill_s": 30.0,
    "process.runtime_dir": None,
    "scaling.enabled": False,
    "scaling.channel": "reverb",
    "scaling.redis.url": None,
    "scaling.redis.host": "127.0.0.1",
    "scaling.redis.port": 6379,
    "scaling.redis.username": None,
    "scaling.redis.password": None,
    "scaling.redis.db": 0,
    "scaling.redis.timeout_s": 60.0,
    "scaling.protocol": "auto",
    "scaling.redis.scheme": "tcp",
    "scaling.redis.answer_timeout_s": 2.0,
    "scaling.redis.prefix": "revurb",
    "scaling.redis.lease_s": 10.0,
    "scaling.redis.kept_s": 60.0,
    "scaling.redis.tls_ca": None,
    "scaling.redis.tls_cert": None,
    "scaling.redis.tls_key": None,
    "scaling.redis.tls_server_name": None,
    "scaling.redis.sentinels": None,
    "scaling.redis.sentinel_master": "mymaster",
    "scaling.redis.sentinel_password": None,
    "scaling.redis.factory": None,
    "scaling.redis.cluster": False,
    "app_provider": None,
}


def at(config: Config, key: str) -> Any:
    value: Any = config
    for part in key.split("."):
        value = getattr(value, part)
    return value


def test_the_defaults_are_reverbs(project: Project) -> None:
    config = project.load()
    assert {setting.key: at(config, setting.key) for setting in SETTINGS} == DEFAULTS
    assert {config.provenance[setting.key] for setting in SETTINGS} == {"default"}
    assert config.warnings == ()
    assert dataclasses.replace(Config(), apps=config.apps) == config


def test_every_name_is_in_the_table() -> None:
    names = {name for setting in SETTINGS for name in setting.option.names}
    files = {"REVURB_TLS_CERT", "REVURB_TLS_KEY"}
    elsewhere = files | {"REVURB_REDIS_TLS_CA", "REVURB_REDIS_TLS_CERT", "REVURB_REDIS_TLS_KEY"}
    assert {row[0] for row in NAMES} | elsewhere == names


@pytest.mark.parametrize(("name", "text", "key", "value"), NAMES, ids=[row[0] for row in NAMES])
def test_a_name_sets_its_option_from_the_environment(
    project: Project, name: str, text: str, key: str, value: object
) -> None:
    config = project.load({name: text})
    assert at(config, key) == value
    assert type(at(config, key)) is type(value)
    assert config.provenance[key] == f"environment ({name})"
    others = {other: at(config, other) for other in DEFAULTS if other != key}
    assert others == {other: default for other, default in DEFAULTS.items() if other != key}


@pytest.mark.parametrize(("name", "text", "key", "value"), NAMES, ids=[row[0] for row in NAMES])
def test_a_name_sets_its_option_from_the_env_file(
    project: Project, name: str, text: str, key: str, value: object
) -> None:
    project.write(".env", f'{name}="{text}"\n')
    config = project.load()
    assert at(config, key) == value
    assert config.provenance[key] == f".env ({name})"


@pytest.mark.parametrize(("name", "text", "key", "value"), NAMES, ids=[row[0] for row in NAMES])
def test_a_key_sets_its_option_from_the_toml_file(
    project: Project, name: str, text: str, key: str, value: object
) -> None:
    literal = str(value).lower() if isinstance(value, bool) else repr(value)
    literal = repr(list(value)) if isinstance(value, tuple) else literal
    table, _, leaf = key.rpartition(".")
    project.write("revurb.toml", (f"[{table}]\n" if table else "") + f"{leaf} = {literal}\n")
    config = project.load()
    assert at(config, key) == value
    assert config.provenance[key] == "revurb.toml"


FLAGS = [setting for setting in SETTINGS if setting.option.flag and not setting.key.startswith("tls.")]


@pytest.mark.parametrize("setting", FLAGS, ids=[setting.key for setting in FLAGS])
def test_a_flag_sets_its_option(project: Project, setting: Any) -> None:
    name, text, key, value = next(row for row in NAMES if row[2] == setting.key)
    for given in (text, value):  # as the command line has it, and as a program would give it
        config = project.load({name: ""}, flags={key: given})
        assert at(config, key) == value
        assert config.provenance[key] == setting.option.flag


def test_the_word_auto_is_a_number_of_workers(project: Project) -> None:
    for config in (project.load({"REVURB_WORKERS": "Auto"}), project.load(flags={"process.workers": "auto"})):
        assert config.process.workers == AUTO_WORKERS
    project.write("revurb.toml", '[process]\nworkers = "auto"\n')
    config = project.load()
    assert config.process.workers == AUTO_WORKERS
    assert next(row.value for row in rows(config) if row.key == "process.workers") == "auto"


SOURCES = ["revurb.toml", ".env (REVERB_SERVER_PORT)", "environment (REVERB_SERVER_PORT)", "--port"]


@pytest.mark.parametrize("weaker", range(4))
@pytest.mark.parametrize("stronger", range(4))
def test_the_stronger_of_two_sources_wins(project: Project, weaker: int, stronger: int) -> None:
    if weaker >= stronger:
        weaker = -1  # alone, over the default
    given = {weaker, stronger}
    if 0 in given:
        project.write("revurb.toml", "[server]\nport = 7000\n")
    if 1 in given:
        project.write(".env", "REVERB_SERVER_PORT=7001\n")
    environ = {"REVERB_SERVER_PORT": "7002"} if 2 in given else {}
    config = project.load(environ, flags={"server.port": 7003 if 3 in given else None})
    assert config.server.port == 7000 + stronger
    assert config.provenance["server.port"] == SOURCES[stronger]


@pytest.mark.parametrize("unset", ["", "empty", "(empty)", "null", "(null)"])
def test_a_name_without_a_value_leaves_it_to_the_next_source(project: Project, unset: str) -> None:
    project.write(".env", "REVERB_SERVER_PORT=7001\n")
    assert project.load({"REVERB_SERVER_PORT": unset}).server.port == 7001
    project.write(".env", f"REVERB_SERVER_PORT={unset}\n")
    config = project.load({"REVERB_SERVER_PORT": unset})
    assert (config.server.port, config.provenance["server.port"]) == (8080, "default")


def test_null_takes_away_what_a_weaker_source_gave(project: Project) -> None:
    project.write("revurb.toml", "[limits]\nmax_connections = 5\n")
    config = project.load({"REVURB_MAX_CONNECTIONS": "null"})
    assert config.limits.max_connections is None
    assert config.provenance["limits.max_connections"] == "environment (REVURB_MAX_CONNECTIONS)"


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


def test_a_stock_laravel_env_file(project: Project) -> None:
    project.write(
        ".env",
        """\
APP_NAME=Laravel
APP_KEY=base64:u3+1xKHm0n6YpXzZ0000000000000000000000000000=
APP_URL=http://localhost

LOG_LEVEL=debug
REDIS_CLIENT=phpredis
REDIS_HOST=127.0.0.1
REDIS_PASSWORD=null
REDIS_PORT=6379
MAIL_FROM_ADDRESS="hello@example.com"
MAIL_FROM_NAME="${APP_NAME}"

BROADCAST_CONNECTION=reverb
REVERB_APP_ID=452316
REVERB_APP_KEY=b6rzmmw2eyvjyqnmyzma
REVERB_APP_SECRET=mgjmakrjtnfawdmxnbmf
REVERB_HOST="localhost"
REVERB_PORT=8080
REVERB_SCHEME=http

VITE_REVERB_APP_KEY="${REVERB_APP_KEY}"
VITE_REVERB_HOST="${REVERB_HOST}"
""",
    )
    config = project.load(app=False)
    assert [(app.id, app.key, app.secret) for app in config.apps] == [
        ("452316", "b6rzmmw2eyvjyqnmyzma", "mgjmakrjtnfawdmxnbmf")
    ]
    assert (config.server.hostname, config.server.public_port, config.server.public_scheme) == (
        "localhost",
        8080,
        "http",
    )
    assert (config.server.port, config.scaling.redis.password) == (8080, None)
    assert config.warnings == ()


class TestTls:
    @pytest.fixture(autouse=True)
    def files(self, project: Project) -> None:
        project.write("cert.pem", "")
        project.write("key.pem", "")

    def test_both_files(self, project: Project) -> None:
        config = project.load(
            {"REVURB_TLS_CERT": "cert.pem"}, flags={"tls.key": str(project.root / "key.pem")}
        )
        assert config.tls.cert == str(project.root / "cert.pem")
        assert config.tls.key == str(project.root / "key.pem")
        assert config.provenance["tls.cert"] == "environment (REVURB_TLS_CERT)"
        assert config.provenance["tls.key"] == "--tls-key"

    @pytest.mark.parametrize(("given", "other"), [("cert", "key"), ("key", "cert")])
    def test_one_without_the_other(self, project: Project, given: str, other: str) -> None:
        name = f"REVURB_TLS_{given.upper()}"
        assert project.problems({name: f"{given}.pem"}) == (
            f"tls.{other}: not set, but found tls.{given} in environment ({name}); allowed: both or none",
        )

    def test_a_file_that_is_not_there_or_not_a_file(self, project: Project) -> None:
        (project.root / "directory").mkdir()
        assert project.problems({"REVURB_TLS_CERT": "lost.pem", "REVURB_TLS_KEY": "directory"}) == (
            "tls.cert: found 'lost.pem' in environment (REVURB_TLS_CERT); "
            "allowed: a file that can be read (No such file or directory)",
            "tls.key: found 'directory' in environment (REVURB_TLS_KEY); "
            "allowed: a file that can be read (Is a directory)",
        )


def test_the_environment_and_directory_of_the_process_are_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith(("REVERB_", "REVURB_", "REDIS_")):
            monkeypatch.delenv(name)
    (tmp_path / "revurb.toml").write_text(APP_TOML)
    (tmp_path / ".env").write_text("REVERB_SERVER_PORT=7001\n")
    monkeypatch.setenv("REVERB_SERVER_HOST", "127.0.0.9")
    monkeypatch.setenv("REVURB_UNIX_SOCKET", "here.sock")
    monkeypatch.chdir(tmp_path)
    config = load()
    assert (config.server.host, config.server.port, config.apps[0].id) == ("127.0.0.9", 7001, "1")
    assert config.server.unix_socket == "here.sock"


def test_a_flag_that_no_option_has_is_a_mistake_of_the_program(project: Project) -> None:
    with pytest.raises(KeyError, match=r"no such option: server\.colour"):
        project.load(flags={"server.colour": "red"})


def test_the_value_cannot_be_changed(project: Project) -> None:
    config = project.load()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.server.port = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        config.provenance["server.port"] = "nowhere"  # type: ignore[index]


def test_no_secret_is_in_the_repr_of_what_was_loaded(project: Project) -> None:
    secrets = {
        "REVERB_APP_SECRET": "hush-app",
        "REDIS_URL": "redis://:hush-url@h",
        "REDIS_PASSWORD": "hush-redis",
        "REVURB_TLS_KEY_PASSWORD": "hush-tls",
    }
    config = project.load(secrets)
    assert config.apps[0].secret == "hush-app"
    assert "hush" not in repr(config)
    assert "hush" not in repr(dict(config.provenance))


def test_an_app_provider_stands_in_for_apps(project: Project) -> None:
    alone = project.load({"REVURB_APP_PROVIDER": "my:Apps"}, app=False)
    assert (alone.apps, alone.app_provider, alone.warnings) == ((), "my:Apps", ())
    both = project.load({"REVURB_APP_PROVIDER": "my:Apps"})
    assert both.warnings == ("app_provider: my:Apps finds the apps; those configured (1) are not used",)
    assert both.apps[0].id == APP["REVERB_APP_ID"]
