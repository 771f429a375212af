"""Secrets that are in files which the environment or `.env` names."""

from __future__ import annotations

import pytest

from revurb.config import APP_SETTINGS, SETTINGS
from tests.config.project import APP, Project

SECRETS = [setting for setting in SETTINGS if setting.option.secret]
WITHOUT_SECRET = {name: text for name, text in APP.items() if name != "REVERB_APP_SECRET"}


def at(config: object, key: str) -> object:
    for part in key.split("."):
        config = getattr(config, part)
    return config


@pytest.mark.parametrize("setting", SECRETS, ids=lambda setting: setting.key)
def test_every_secret_of_the_server_may_be_in_a_file(project: Project, setting: object) -> None:
    key, name = setting.key, setting.option.env  # type: ignore[attr-defined]
    value = "redis://h" if key.endswith("url") else "'quoted' null"
    project.write("secret", value + "\n")
    config = project.load({f"{name}_FILE": "secret"})
    assert at(config, key) == value
    assert config.provenance[key] == f"environment ({name}_FILE)"


def test_the_names_are_those_that_are_documented() -> None:
    names = {name for setting in (*SETTINGS, *APP_SETTINGS) for name in setting.option.file_names}
    assert names == {
        "REDIS_URL_FILE",
        "REVURB_ADMIN_TOKEN_FILE",
        "REDIS_PASSWORD_FILE",
        "REVERB_APP_SECRET_FILE",
        "REVURB_APP_DATABASE_FILE",
        "REVURB_APP_PREVIOUS_SECRET_FILE",
        "REVURB_REDIS_SENTINEL_PASSWORD_FILE",
        "REVURB_TLS_KEY_PASSWORD_FILE",
    }


@pytest.mark.parametrize("text", ["from file", "from file\n", "from file\r\n"])
def test_the_secret_of_the_app(project: Project, text: str) -> None:
    (project.root / "secret").write_bytes(text.encode())
    environ = {**WITHOUT_SECRET, "REVERB_APP_SECRET_FILE": str(project.root / "secret")}
    config = project.load(environ, app=False)
    assert config.apps[0].secret == "from file"
    assert config.provenance["apps.1.secret"] == "environment (REVERB_APP_SECRET_FILE)"


def test_a_file_of_the_environment_goes_before_the_name_in_the_env_file(project: Project) -> None:
    project.write("secret", "from file")
    project.write(".env", "REDIS_PASSWORD=from-env-file\n")
    assert project.load({"REDIS_PASSWORD_FILE": "secret"}).scaling.redis.password == "from file"
    project.write(".env", "REDIS_PASSWORD_FILE=secret\n")
    assert project.load({"REDIS_PASSWORD": "from-environment"}).scaling.redis.password == "from-environment"
    assert project.load({"REDIS_PASSWORD": ""}).scaling.redis.password == "from file"
    assert project.load({"REDIS_PASSWORD_FILE": ""}).scaling.redis.password == "from file"


def test_the_variable_of_a_table_may_name_a_file_too(project: Project) -> None:
    project.write("secret", "from file")
    project.write("revurb.toml", '[[apps]]\nid = "a"\nkey = "k"\nsecret_env = "REVURB_CHAT"\n')
    assert project.load({"REVURB_CHAT_FILE": "secret"}, app=False).apps[0].secret == "from file"


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        (
            "/lost",
            "found '/lost' in environment; allowed: a file that can be read (No such file or directory)",
        ),
        (
            "hush",
            "found ******** in environment; allowed: a file that can be read (No such file or directory)",
        ),
        ("./bytes", "found './bytes' in environment; allowed: a file that can be read (not UTF-8)"),
        ("/tmp", "found '/tmp' in environment; allowed: a file that can be read (Is a directory)"),
    ],
)
def test_a_file_that_is_of_no_use(project: Project, path: str, problem: str) -> None:
    (project.root / "bytes").write_bytes(b"\xff")
    environ = {**WITHOUT_SECRET, "REVERB_APP_SECRET_FILE": path}
    assert project.problems(environ, app=False) == (f"REVERB_APP_SECRET_FILE: {problem}",)


def test_a_secret_that_is_there_twice(project: Project) -> None:
    project.write("secret", "x")
    assert project.problems({"REVERB_APP_SECRET_FILE": "secret"}) == (
        "REVERB_APP_SECRET: found it and REVERB_APP_SECRET_FILE in environment; allowed: one of them",
    )


def test_an_empty_file(project: Project) -> None:
    project.write("secret", "\n")
    assert project.problems({"REVURB_TLS_KEY_PASSWORD_FILE": "secret"}) == (
        "tls.key_password: found ******** in environment (REVURB_TLS_KEY_PASSWORD_FILE); "
        "allowed: a text that is not blank",
    )


def test_what_is_no_secret_is_in_no_file(project: Project) -> None:
    (problem,) = project.problems({"REVURB_CACHE_TTL_FILE": "x"})
    assert problem.startswith("REVURB_CACHE_TTL_FILE: unknown name")
