"""Every option of the node by each of its names: in the environment, in the files and as a flag. And its default."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from revurb.config import SETTINGS, Config
from tests.config.project import Project

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
    ("REVURB_DRAIN_DELAY", "5", "server.drain_delay_s", 5.0),
    ("REVURB_READY_NEEDS_BUS", "true", "server.ready_needs_bus", True),
    ("REVURB_TEST_PAGE", "true", "server.test_page", True),
    ("REVURB_BROWSER_MODULE", "true", "server.browser_module", True),
    ("REVURB_API_CORS_ORIGINS", "https://a.com,*", "server.cors_origins", ("https://a.com", "*")),
    ("REVURB_TRUSTED_PROXIES", "10.0.0.0/8, unix", "server.trusted_proxies", ("10.0.0.0/8", "unix")),
    ("REVURB_TLS_KEY_PASSWORD", "p", "tls.key_password", "p"),
    ("REVURB_LIMITS", "reverb", "limits.profile", "reverb"),  # "pusher" sets more: test_limits_profile
    ("REVERB_MAX_REQUEST_SIZE", "20000", "limits.max_request_size_bytes", 20000),
    ("REVURB_MAX_BATCH_SIZE", "50000", "limits.max_batch_size_bytes", 50000),
    ("REVURB_MAX_HEAD_SIZE", "8192", "limits.max_head_size_bytes", 8192),
    ("REVURB_REQUEST_TIMEOUT", "5", "limits.request_timeout_s", 5.0),
    ("REVURB_KEEP_ALIVE_TIMEOUT", "5", "limits.keep_alive_timeout_s", 5.0),
    ("REVURB_SIGNATURE_MAX_AGE", "0", "limits.signature_max_age_s", 0),
    ("REVURB_PONG_TIMEOUT", "5", "limits.pong_timeout_s", 5.0),
    ("REVURB_CLOSE_TIMEOUT", "5", "limits.close_timeout_s", 5.0),
    ("REVURB_MAX_QUEUED_BYTES", "4096", "limits.max_queued_bytes", 4096),
    ("REVURB_MAX_CACHED_BYTES", "1000", "limits.max_cached_bytes", 1000),
    ("REVURB_MAX_QUEUED_TOTAL", "67108864", "limits.max_queued_total_bytes", 67_108_864),
    ("REVURB_MAX_CONNECTIONS", "7", "limits.max_connections", 7),
    ("REVURB_MAX_CONNECTIONS_PER_ADDRESS", "50", "limits.max_connections_per_address", 50),
    ("REVURB_MAX_HANDSHAKES_PER_ADDRESS", "20", "limits.max_handshakes_per_address", 20),
    ("REVURB_BAN_AFTER", "30", "limits.ban_after", 30),
    ("REVURB_BAN_TIME", "60", "limits.ban_s", 60.0),
    ("REVURB_CACHE_TTL", "60", "limits.cache_ttl_s", 60),
    ("REVURB_COMPRESSION", "shared", "compression.mode", "shared"),
    ("REVURB_COMPRESSION_MIN_SIZE", "100", "compression.min_size_bytes", 100),
    ("REVURB_LOG_FORMAT", "json", "log.format", "json"),
    ("REVURB_LOG_LEVEL", "debug", "log.level", "debug"),
    ("REVURB_ACCESS_LOG", "all", "log.access", "all"),
    ("REVURB_ACCESS_LOG_SAMPLE", "0.5", "log.access_sample", 0.5),
    ("REVURB_DEBUG_MESSAGES", "true", "log.debug", True),
    ("REVURB_WORKERS", "4", "process.workers", 4),
    ("REVURB_WATCHDOG_WARN", "2.5", "process.watchdog_warn_s", 2.5),
    ("REVURB_WATCHDOG_KILL", "60", "process.watchdog_kill_s", 60.0),
    ("REVURB_RUNTIME_DIR", "/run/r", "process.runtime_dir", "/run/r"),
    ("REVURB_ADMIN_HOST", "127.0.0.1,::1", "admin.host", "127.0.0.1,::1"),
    ("REVURB_ADMIN_PORT", "9100", "admin.port", 9100),
    ("REVURB_ADMIN_TOKEN", "geheim", "admin.token", "geheim"),
    ("REVURB_METRICS_NAMES", "soketi", "metrics.names", "soketi"),
    ("REVURB_METRICS_PREFIX", "chat_", "metrics.prefix", "chat_"),
    ("REVURB_METRICS_MAX_APPS", "7", "metrics.max_apps", 7),
    ("REVERB_SCALING_CHANNEL", "nodes", "scaling.channel", "nodes"),
    ("REDIS_URL", "redis://u:p@h", "scaling.redis.url", "redis://u:p@h"),
    ("REDIS_HOST", "redis", "scaling.redis.host", "redis"),
    ("REDIS_PORT", "6380", "scaling.redis.port", 6380),
    ("REDIS_USERNAME", "u", "scaling.redis.username", "u"),
    ("REDIS_PASSWORD", "p", "scaling.redis.password", "p"),
    ("REDIS_DB", "3", "scaling.redis.db", 3),
    ("REDIS_TIMEOUT", "1", "scaling.redis.timeout_s", 1.0),
    ("REVERB_SCALING_ENABLED", "true", "scaling.enabled", True),
    ("REVURB_WEBHOOKS_ALLOW_PRIVATE", "true", "webhooks.allow_private", True),
    ("REVURB_WEBHOOKS_SMOOTHING", "0", "webhooks.smoothing_s", 0.0),
    ("REVURB_WEBHOOKS_MAX_QUEUED", "100000", "webhooks.max_queued_bytes", 100_000),
    ("REVURB_WEBHOOKS_MAX_AGE", "60", "webhooks.max_age_s", 60.0),
    ("REVURB_WEBHOOKS_DEAD_LETTERS", "/dead.jsonl", "webhooks.dead_letters", "/dead.jsonl"),
    ("REVURB_SCALING_PROTOCOL", "revurb", "scaling.protocol", "revurb"),
    ("REVURB_SCALING_REVERB", "1.6", "scaling.reverb_release", "1.6"),
    ("REDIS_SCHEME", "tls", "scaling.redis.scheme", "tls"),
    ("REVURB_REDIS_ANSWER_TIMEOUT", "1", "scaling.redis.answer_timeout_s", 1.0),
    ("REVURB_REDIS_PREFIX", "chat", "scaling.redis.prefix", "chat"),
    ("REVURB_REDIS_LEASE", "5", "scaling.redis.lease_s", 5.0),
    ("REVURB_REDIS_LOG", "30", "scaling.redis.kept_s", 30.0),
    ("REVURB_REDIS_TLS_SERVER_NAME", "redis", "scaling.redis.tls_server_name", "redis"),
    ("REVURB_REDIS_SENTINELS", "a:1,b:2", "scaling.redis.sentinels", ("a:1", "b:2")),
    ("REVURB_REDIS_SENTINEL_MASTER", "main", "scaling.redis.sentinel_master", "main"),
    ("REDIS_PATH", "/r.sock", "scaling.redis.path", "/r.sock"),
    ("REVURB_REDIS_TLS_VERIFY", "false", "scaling.redis.tls_verify", False),
    ("REVURB_REDIS_SENTINEL_USERNAME", "u", "scaling.redis.sentinel_username", "u"),
    ("REVURB_REDIS_SENTINEL_TLS", "true", "scaling.redis.sentinel_tls", True),
    ("REVURB_REDIS_SENTINEL_PASSWORD", "p", "scaling.redis.sentinel_password", "p"),
    ("REVURB_REDIS_CLUSTER", "true", "scaling.redis.cluster", True),
    ("REVURB_REDIS_FACTORY", "my.redis:make", "scaling.redis.factory", "my.redis:make"),
    ("REVURB_APP_PROVIDER", "my.apps:Provider", "app_provider", "my.apps:Provider"),
    ("REVURB_APP_DATABASE", "sqlite:///a.db", "app_lookup.database", "sqlite:///a.db"),
    ("REVURB_APP_DATABASE_TABLE", "my_apps", "app_lookup.table", "my_apps"),
    ("REVURB_APP_CACHE_TTL", "5", "app_lookup.cache_ttl_s", 5.0),
    ("REVURB_HOOKS", "my.hooks:Audit, audit", "hooks.classes", ("my.hooks:Audit", "audit")),
    ("REVURB_HOOKS_TIMEOUT", "0.5", "hooks.timeout_s", 0.5),
    ("REVURB_HOOKS_FAIL", "refuse", "hooks.on_failure", "refuse"),
    ("REVURB_HOOKS_SAMPLE", "1", "hooks.sample", 1),
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
    "server.trusted_proxies": None,
    "server.proxy_protocol": False,
    "server.cors_origins": None,
    "server.drain_timeout_s": 8.0,
    "server.drain_delay_s": 0.0,
    "server.ready_needs_bus": False,
    "tls.cert": None,
    "tls.key": None,
    "tls.key_password": None,
    "limits.profile": "reverb",
    "limits.max_request_size_bytes": 10_000,
    "limits.max_batch_size_bytes": 655_360,
    "limits.max_head_size_bytes": 16_384,
    "limits.request_timeout_s": 10.0,
    "limits.keep_alive_timeout_s": 75.0,
    "limits.signature_max_age_s": 600,
    "limits.pong_timeout_s": 30.0,
    "limits.close_timeout_s": 3.0,
    "limits.max_queued_bytes": 1_048_576,
    "limits.max_queued_total_bytes": None,
    "limits.max_cached_bytes": 67_108_864,
    "limits.max_connections": None,
    "limits.max_connections_per_address": None,
    "limits.max_handshakes_per_address": None,
    "limits.ban_after": None,
    "limits.ban_s": 600.0,
    "limits.cache_ttl_s": 1800,
    "server.test_page": False,
    "server.browser_module": False,
    "compression.mode": "off",
    "compression.min_size_bytes": 512,
    "log.format": "plain",
    "log.level": "info",
    "log.access": "off",
    "log.access_sample": 1.0,
    "log.debug": False,
    "process.workers": 1,
    "process.watchdog_warn_s": 5.0,
    "process.watchdog_kill_s": 30.0,
    "process.runtime_dir": None,
    "admin.host": "127.0.0.1",
    "admin.port": None,
    "admin.token": None,
    "metrics.names": "revurb",
    "metrics.prefix": None,
    "metrics.max_apps": 100,
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
    "scaling.reverb_release": "auto",
    "scaling.redis.scheme": "tcp",
    "scaling.redis.answer_timeout_s": 2.0,
    "scaling.redis.prefix": "revurb",
    "scaling.redis.lease_s": 10.0,
    "scaling.redis.kept_s": 60.0,
    "scaling.redis.tls_ca": None,
    "scaling.redis.tls_cert": None,
    "scaling.redis.tls_key": None,
    "scaling.redis.tls_server_name": None,
    "scaling.redis.tls_verify": True,
    "scaling.redis.path": None,
    "scaling.redis.sentinel_username": None,
    "scaling.redis.sentinel_tls": False,
    "scaling.redis.sentinels": None,
    "scaling.redis.sentinel_master": "mymaster",
    "scaling.redis.sentinel_password": None,
    "scaling.redis.factory": None,
    "scaling.redis.cluster": False,
    "webhooks.allow_private": False,
    "webhooks.smoothing_s": 3.0,
    "webhooks.max_queued_bytes": 67_108_864,
    "webhooks.max_age_s": 600.0,
    "webhooks.dead_letters": None,
    "app_provider": None,
    "app_lookup.database": None,
    "app_lookup.table": "apps",
    "app_lookup.cache_ttl_s": 60.0,
    "hooks.classes": None,
    "hooks.timeout_s": 1.0,
    "hooks.on_failure": "allow",
    "hooks.sample": 100,
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
    files = {"REVURB_TLS_CERT", "REVURB_TLS_KEY", "REVURB_PROXY_PROTOCOL"}  # which needs trusted proxies
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
