"""What is wrong with a configuration, and how it is said: key, value, source, and what is allowed."""

from __future__ import annotations

import pytest

from revurb.config import ConfigError
from tests.config.project import Project

ALLOWED_PATH = "a URL path of letters, digits and . _ ~ - /, such as /ws"
PROBLEMS = [
    (
        {"REVERB_SERVER_PORT": "x"},
        "server.port: found 'x' in environment (REVERB_SERVER_PORT); allowed: an integer from 0 to 65535",
    ),
    (
        {"REVERB_SERVER_HOST": "127.0.0.1:8080"},
        "server.host: found '127.0.0.1:8080' in environment (REVERB_SERVER_HOST); allowed: host names or addresses, "
        "by commas (a host has no scheme, and the port is an option of its own, REVERB_SERVER_PORT)",
    ),
    (
        {"REVERB_SERVER_PORT": "65536"},
        "server.port: found '65536' in environment (REVERB_SERVER_PORT); allowed: an integer from 0 to 65535",
    ),
    (
        {"REVERB_PORT": "0"},
        "server.public_port: found '0' in environment (REVERB_PORT); allowed: an integer from 1 to 65535",
    ),
    (
        {"REVERB_SCHEME": "ftp"},
        "server.public_scheme: found 'ftp' in environment (REVERB_SCHEME); allowed: http or https",
    ),
    (
        {"REVERB_SERVER_PATH": "a b"},
        f"server.path: found 'a b' in environment (REVERB_SERVER_PATH); allowed: {ALLOWED_PATH}",
    ),
    (
        {"REVURB_UNIX_SOCKET_MODE": "rw"},
        "server.unix_socket_mode: found 'rw' in environment (REVURB_UNIX_SOCKET_MODE); "
        "allowed: file permissions in octal, such as 0660",
    ),
    (
        {"REVURB_DRAIN_TIMEOUT": "-1"},
        "server.drain_timeout_s: found '-1' in environment (REVURB_DRAIN_TIMEOUT); "
        "allowed: a number of 0 or more",
    ),
    (
        {"REVURB_LOG_LEVEL": "loud"},
        "log.level: found 'loud' in environment (REVURB_LOG_LEVEL); allowed: debug, info, warning or error",
    ),
    (
        {"REVURB_DEBUG_MESSAGES": "perhaps"},
        "log.debug: found 'perhaps' in environment (REVURB_DEBUG_MESSAGES); allowed: true or false",
    ),
    (
        {"REVURB_APP_PROVIDER": "my.apps"},
        "app_provider: found 'my.apps' in environment (REVURB_APP_PROVIDER); allowed: package.module:Class",
    ),
    (
        {"REVERB_APP_SECRET": "hush\udcff"},  # a byte that is no UTF-8
        "apps.1.secret: found ******** in environment (REVERB_APP_SECRET); allowed: a text that is not blank "
        "(it is not UTF-8)",
    ),
    (
        {"REVURB_WORKERS": "0"},
        "process.workers: found '0' in environment (REVURB_WORKERS); "
        "allowed: auto, or an integer from 1 to 256",
    ),
    (
        {"REVURB_WATCHDOG_KILL": "5"},
        "process.watchdog_kill_s: found 5 in environment (REVURB_WATCHDOG_KILL); "
        "allowed: more than process.watchdog_warn_s (5)",
    ),
    (
        {"REVURB_PROXY_PROTOCOL": "on"},
        "server.trusted_proxies: not set, but found true for server.proxy_protocol in environment "
        "(REVURB_PROXY_PROTOCOL); allowed: the addresses of the proxies, since others send no header",
    ),
    (
        {"REDIS_URL": "http://user:hush@h", "REVERB_SCALING_ENABLED": "true"},
        "scaling.redis.url: found ******** in environment (REDIS_URL), but its scheme is 'http'; allowed: redis, "
        "rediss, tcp, tls, ssl, unix; allowed: redis://user:password@host:port/db or such",
    ),
    (
        {"REVURB_SCALING_PROTOCOL": "reverb", "REVURB_REDIS_CLUSTER": "true"},
        "scaling.protocol: found 'reverb' in environment (REVURB_SCALING_PROTOCOL) with scaling.redis.cluster; "
        "allowed: auto or revurb, since PHP Reverb does not speak Redis Cluster",
    ),
    (
        {"REDIS_HOST": "http://h", "REVERB_SCALING_ENABLED": "true"},
        "scaling.redis.host: found 'http://h' in environment (REDIS_HOST), but its scheme is 'http'; allowed: redis, "
        "rediss, tcp, tls, ssl, unix; allowed: redis://user:password@host:port/db or such",
    ),
    (
        {"REDIS_HOST": "tls://user:hush@h", "REVERB_SCALING_ENABLED": "true"},
        "scaling.redis.host: found ******** in environment (REDIS_HOST), but a user and a password are not part of a "
        "host: REDIS_USERNAME, REDIS_PASSWORD, or REDIS_URL; allowed: redis://user:password@host:port/db or such",
    ),
    (
        {"REDIS_PORT": "x", "REVERB_SCALING_ENABLED": "true"},
        "scaling.redis.port: found 'x' in environment (REDIS_PORT); allowed: an integer from -1 to 65535",
    ),
    (
        {
            "REDIS_HOST": "/run/redis.sock",
            "REDIS_PORT": "0",
            "REVURB_REDIS_CLUSTER": "true",
            "REVERB_SCALING_ENABLED": "true",
        },
        "scaling.redis.cluster: found true in environment (REVURB_REDIS_CLUSTER), but scaling.redis.host in "
        "environment (REDIS_HOST) is a Unix socket; allowed: host and port of a server of the Cluster",
    ),
    (
        {"REVURB_REDIS_SENTINELS": "one:26379,two:x"},
        "scaling.redis.sentinels: found 'two:x' in environment (REVURB_REDIS_SENTINELS); "
        "allowed: host, host:port or [address]:port",
    ),
    (
        {"REVURB_REDIS_TLS_CA": "none.pem"},
        "scaling.redis.tls_ca: found 'none.pem' in environment (REVURB_REDIS_TLS_CA); "
        "allowed: a file that can be read (No such file or directory)",
    ),
    (
        {"REVURB_TLS_KEY_PASSWORD": "' '"},
        "tls.key_password: found ******** in environment (REVURB_TLS_KEY_PASSWORD); "
        "allowed: a text that is not blank",
    ),
    (
        {"REVURB_WEBHOOKS_DEAD_LETTERS": "missing/dead.jsonl"},
        "webhooks.dead_letters: found 'missing/dead.jsonl' in environment (REVURB_WEBHOOKS_DEAD_LETTERS); allowed: a "
        "file in a folder that exists",
    ),
]


@pytest.mark.parametrize(("environ", "problem"), PROBLEMS, ids=["-".join(row[0]) for row in PROBLEMS])
def test_a_problem_says_key_value_source_and_what_is_allowed(
    project: Project, environ: dict[str, str], problem: str
) -> None:
    assert project.problems(environ) == (problem,)


@pytest.mark.parametrize("name", ["REDIS_URL", "REDIS_HOST", "REDIS_PORT", "REDIS_SCHEME", "REDIS_DB"])
def test_the_applications_redis_does_not_matter_without_scaling(project: Project, name: str) -> None:
    """It is there for the cache of the Laravel application."""
    config = project.load({name: "http://h"})
    assert not config.scaling.enabled
    assert config.warnings == ()


def test_a_problem_names_the_file_or_flag_it_is_in(project: Project) -> None:
    project.write("revurb.toml", '[server]\nport = "8080"\n')
    allowed = "allowed: an integer from 0 to 65535"
    assert project.problems() == (f"server.port: found '8080' in revurb.toml; {allowed}",)
    project.write(".env", "REVERB_SERVER_PORT=y\n")
    assert project.problems() == (f"server.port: found 'y' in .env (REVERB_SERVER_PORT); {allowed}",)
    with pytest.raises(ConfigError) as caught:
        project.load(flags={"server.port": "z"})
    assert str(caught.value) == f"server.port: found 'z' in --port; {allowed}"


def test_all_problems_are_said_at_once(project: Project) -> None:
    project.write("revurb.toml", "[limits]\ncache_ttl_s = 0\n[colours]\n")
    found = project.problems({"REVERB_SERVER_PORT": "x", "REVURB_X": "1", "REVERB_APP_SECRET": ""})
    assert [problem.partition(":")[0] for problem in found] == [
        "REVURB_X",
        "colours",
        "server.port",
        "limits.cache_ttl_s",
        "apps.1.secret",
    ]


@pytest.mark.parametrize(
    ("toml", "problem"),
    [
        ("[server]\nprot = 1", 'server.prot: unknown key, found in revurb.toml; did you mean "server.port"?'),
        ("port = 1", 'port: unknown key, found in revurb.toml; did you mean "server.port"?'),
        ("[sever]\nport = 1", 'sever: unknown key, found in revurb.toml; did you mean "server"?'),
        (
            "[scaling.redis]\ntimeout = 1",
            "scaling.redis.timeout: unknown key, found in revurb.toml; "
            'did you mean "scaling.redis.timeout_s"?',
        ),
        ("[colours]\nred = 1", "colours: unknown key, found in revurb.toml"),
        (
            "scaling = {redis = 'redis://u:hush@h'}",
            "scaling.redis: found no table in revurb.toml; allowed: a table",
        ),
        (
            "port = 1 2",
            "revurb.toml: not valid TOML: Expected newline or end of document after a statement "
            "(at line 1, column 10)",
        ),
    ],
)
def test_what_is_wrong_with_a_toml_file(project: Project, toml: str, problem: str) -> None:
    project.write("revurb.toml", toml)
    assert project.problems() == (problem,)


def test_an_integer_that_is_too_large_for_a_number_is_a_problem(project: Project) -> None:
    huge = "1" + "0" * 350
    project.write("revurb.toml", f"[server]\ndrain_timeout_s = {huge}\n")
    assert project.problems() == (
        f"server.drain_timeout_s: found {huge} in revurb.toml; allowed: a number of 0 or more",
    )
