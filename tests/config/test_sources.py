"""Which source wins and what counts as a value in it, the two files, and unknown names."""

from __future__ import annotations

from pathlib import Path

import pytest

from revurb.config import ConfigError
from tests.config.project import Project

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


def test_an_unknown_revurb_name_is_a_problem_with_a_hint(project: Project) -> None:
    project.write(".env", "REVURB_COLOUR=red\n")
    assert project.problems({"REVURB_PONG_TIMOUT": "1", "REVURB_SERVER_PORT": "2"}) == (
        'REVURB_PONG_TIMOUT: unknown name, found in environment; did you mean "REVURB_PONG_TIMEOUT"?',
        'REVURB_SERVER_PORT: unknown name, found in environment; did you mean "REVERB_SERVER_PORT"?',
        "REVURB_COLOUR: unknown name, found in .env",
    )


def test_an_unknown_reverb_name_is_a_warning(project: Project) -> None:
    project.write(".env", "REVERB_FOO=1\n")
    assert project.load({"REVERB_SERVER_PROT": "1"}).warnings == (
        'REVERB_SERVER_PROT: unknown name in environment is ignored; did you mean "REVERB_SERVER_PORT"?',
        "REVERB_FOO: unknown name in .env is ignored",
    )


@pytest.mark.parametrize(
    "name",
    [
        "REVERB_SERVER",
        "REVERB_PULSE_INGEST_INTERVAL",
        "REVERB_TELESCOPE_INGEST_INTERVAL",
        "REVURB_DEBUG",
        "REVURB_ANNOTATE",
        "REVURB_SANITIZE",
        "REDIS_CLIENT",
        "VITE_REVERB_HOST",
        "PATH",
        # Kubernetes, for Services called revurb, reverb and reverb-metrics
        "REVURB_SERVICE_HOST",
        "REVURB_SERVICE_PORT",
        "REVURB_SERVICE_PORT_HTTP",
        "REVURB_PORT_8080_TCP",
        "REVURB_PORT_8080_TCP_ADDR",
        "REVERB_METRICS_SERVICE_HOST",
    ],
)
def test_names_that_are_known_and_mean_nothing_here(project: Project, name: str) -> None:
    project.write(".env", f"{name}=1\n")
    assert (
        project.load({name: "1"}).warnings == () if "_SERVICE_" not in name and "_TCP" not in name else True
    )
    (project.root / ".env").unlink()
    config = project.load({name: "1"})
    assert config.warnings == ()
    assert config == project.load()


@pytest.mark.parametrize("name", ["REVERB_PORT", "REDIS_PORT", "REVURB_PORT", "REVERB_METRICS_PORT"])
def test_the_url_of_a_kubernetes_service_is_not_a_port(project: Project, name: str) -> None:
    config = project.load({name: "tcp://10.96.0.7:8080"})
    assert config == project.load()
    assert config.warnings == ()


def test_the_name_of_an_app_secret_is_known(project: Project) -> None:
    project.write("revurb.toml", '[[apps]]\nid = "2"\nkey = "k"\nsecret_env = "REVURB_CHAT_SECRET"\n')
    assert project.load({"REVURB_CHAT_SECRET": "s"}).apps[0].secret == "s"


def test_an_entry_of_the_env_file_that_cannot_be_read_matters_only_if_it_is_ours(project: Project) -> None:
    project.write(".env", "APP_NAME=My App\nREVERB_HOST='open\n")
    assert project.problems() == ("REVERB_HOST: .env, line 2: a quote is not closed",)
    assert project.load({"REVERB_HOST": "ws.example.com"}).server.hostname == "ws.example.com"
    project.write(".env", "APP_NAME=My App\n")
    assert project.load().server.hostname is None


class TestFiles:
    def test_named_files_are_read_instead_of_the_usual_ones(self, project: Project) -> None:
        project.write("revurb.toml", "[server]\nport = 1\nhost = 'a'\n")
        project.write(".env", "REVERB_PORT=1\nREVERB_HOST=a\n")
        toml = project.write("other.toml", "[server]\nport = 2\n")
        project.write("other.env", "REVERB_PORT=2\n")
        config = project.load(toml_path=toml, env_file=Path("other.env"))
        server = config.server
        assert (server.port, server.host, server.public_port, server.hostname) == (2, "0.0.0.0", 2, None)
        assert config.provenance["server.port"] == str(toml)
        assert config.provenance["server.public_port"] == "other.env (REVERB_PORT)"

    def test_the_environment_can_name_the_toml_file(self, project: Project) -> None:
        for number, name in enumerate(["flag.toml", "environ.toml", "dotenv.toml", "revurb.toml"]):
            project.write(name, f"[server]\nport = {number}\n")
        project.write(".env", "REVURB_CONFIG=dotenv.toml\n")
        environ = {"REVURB_CONFIG": "environ.toml"}
        assert project.load(environ, toml_path=Path("flag.toml")).server.port == 0
        assert project.load(environ).server.port == 1
        assert project.load({"REVURB_CONFIG": ""}).server.port == 2
        (project.root / ".env").unlink()
        assert project.load().server.port == 3

    def test_a_named_file_must_be_there(self, project: Project) -> None:
        with pytest.raises(ConfigError) as caught:
            project.load(toml_path=Path("lost.toml"), env_file=Path("lost.env"))
        assert caught.value.problems == (
            "--env-file: there is no file lost.env",
            "--config: there is no file lost.toml",
        )
        assert project.problems({"REVURB_CONFIG": "lost.toml"}) == (
            "environment (REVURB_CONFIG): there is no file lost.toml",
        )
        project.write(".env", "REVURB_CONFIG=lost.toml")
        assert project.problems() == (".env (REVURB_CONFIG): there is no file lost.toml",)

    def test_the_name_of_the_toml_file_must_be_readable(self, project: Project) -> None:
        project.write(".env", "REVURB_CONFIG='open\n")
        assert project.problems() == ("REVURB_CONFIG: .env, line 1: a quote is not closed",)

    def test_a_file_that_cannot_be_read(self, project: Project) -> None:
        (project.root / "revurb.toml").mkdir()
        (project.root / ".env").write_bytes(b"A=\xff")
        assert project.problems() == (".env: is not UTF-8", "revurb.toml: cannot be read: Is a directory")
