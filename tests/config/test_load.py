"""What comes out when all is loaded: values with forms of their own, whole files, and nothing that tells a secret."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from revurb.config import load
from tests.config.project import APP, APP_TOML, Project


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
