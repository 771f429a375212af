"""The `revurb.toml` that is made of `config/reverb.php` sets what that file set."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from revurb.config import ConfigError, ImportedConfig, import_reverb_php
from tests.config.project import APP, Project

STOCK = (Path(__file__).parent / "laravel" / "reverb.php").read_text()
SECOND_APP = """
            [
                'key' => 'second-key', 'secret' => env('SECOND_SECRET'), 'app_id' => '102',
                'allowed_origins' => explode(',', env('ORIGINS', 'a.com,b.com')),
                'max_message_size' => (int) env('REVERB_APP_MAX_MESSAGE_SIZE', 10_000),
                'rate_limiting' => ['enabled' => true, 'max_attempts' => 9],
            ],
"""


def imported(project: Project, text: str, environ: dict[str, str] | None = None) -> ImportedConfig:
    (project.root / "config").mkdir(exist_ok=True)
    project.write("config/reverb.php", text)
    return import_reverb_php(Path("config/reverb.php"), environ={**APP, **(environ or {})}, cwd=project.root)


def test_the_file_of_reverb_adds_nothing_to_the_environment(project: Project) -> None:
    result = imported(project, STOCK)
    assert (tomllib.loads(result.toml), result.notes) == ({}, ())


def test_what_the_file_itself_sets(project: Project) -> None:
    text = STOCK.replace("['*']", "['laravel.com']").replace(
        "'REVERB_SERVER_PORT', 8080", "'REVERB_SERVER_PORT', 9000"
    )
    text = text.replace(
        "'max_connections' => env('REVERB_APP_MAX_CONNECTIONS'),", "'max_connections' => env('MY_MAX'),"
    )
    result = imported(project, text, {"MY_MAX": "7"})
    assert tomllib.loads(result.toml) == {
        "server": {"port": 9000},
        "apps": [{"id": "1", "allowed_origins": ["laravel.com"], "max_connections": 7}],
    }


def test_a_second_app_and_its_secret(project: Project) -> None:
    text = STOCK.replace("        'apps' => [", f"        'apps' => [{SECOND_APP}", 1)
    environ = {"SECOND_SECRET": "hush", "REVERB_APP_MAX_MESSAGE_SIZE": "500"}
    result = imported(project, text, environ)
    assert "hush" not in result.toml
    project.write("revurb.toml", result.toml)
    config = project.load(environ)
    second, first = config.apps
    assert (second.id, second.key, second.secret) == ("102", "second-key", "hush")
    assert second.allowed_origins == ("a.com", "b.com")
    assert second.rate_limit is not None
    assert (second.rate_limit.max_attempts, second.rate_limit.decay_s) == (9, 60)
    assert (first.id, first.secret) == ("1", "hush-hush")
    # REVERB_APP_MAX_MESSAGE_SIZE is of all apps in PHP, and of the one with REVERB_APP_ID here.
    assert (first.max_message_size_bytes, second.max_message_size_bytes) == (500, 500)
    assert config.warnings == ()


def test_every_value_survives(project: Project) -> None:
    awkward = "a\"b\\c\x7f\t\u2028'"
    text = STOCK.replace("env('REVERB_APP_KEY')", "'k2'").replace("env('REVERB_APP_ID')", "'two'")
    text = text.replace("env('REVERB_APP_SECRET')", '"a\\"b\\\\c\x7f\\t\u2028\'"')
    project.write("revurb.toml", imported(project, text).toml)
    assert project.load(app=False).apps[0].secret == awkward


def test_what_is_not_understood_is_a_comment_and_a_note(project: Project) -> None:
    result = imported(project, STOCK.replace("['*']", "Origins::all()"))
    note = "apps.1.allowed_origins cannot be read (line 43: Origins::all())"
    assert result.notes == (note, "apps.1.allowed_origins lets in no page until it is set")
    assert f"# Not taken over: {note}\n" in result.toml
    assert tomllib.loads(result.toml) == {
        "apps": [{"id": "1", "allowed_origins": ["not-taken-over.invalid"]}]
    }


@pytest.mark.parametrize(
    "origins",
    [
        "['https://a.com', 'b.com']",
        "[env('NONE')]",
        "[true]",
        "array_map('trim', explode(',', env('ORIGINS')))",
    ],
)
def test_origins_that_are_not_taken_over_open_nothing(project: Project, origins: str) -> None:
    project.write("revurb.toml", imported(project, STOCK.replace("['*']", origins)).toml)
    assert project.load().apps[0].allowed_origins == ("not-taken-over.invalid",)


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        ("        'apps' => [", "        'apps' => [\n            ...Apps::of('hush'),",
         "apps.apps.0 cannot be read (line 33)"),
        ("        'apps' => [", "        'apps' => f('hush') + [", "apps.apps cannot be read (line 32)"),
        ("        'reverb' => [", "        'reverb' => ['password' => 'hush'] + [",
         "servers.reverb cannot be read (line 6)"),
        ("'server' => [", "'server' => ['password' => 'hush'] + [", "scaling.redis.host cannot be read (line 16)"),
    ],
)  # fmt: skip
def test_what_may_have_secrets_in_it_is_not_shown(project: Project, old: str, new: str, note: str) -> None:
    result = imported(project, STOCK.replace(old, new, 1))
    assert note in result.notes
    assert "hush" not in result.toml + "".join(result.notes)


def test_a_comment_is_one_line(project: Project) -> None:
    result = imported(project, STOCK.replace("['*']", "f('\r', '\x85port = 1')"))
    assert tomllib.loads(result.toml).keys() == {"apps"}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"\xff", "is not UTF-8"),
        (b"<?php return 1;", "line 1: does not return an array"),
        (b" " * ((1 << 20) + 1), "is larger than 1048576 bytes"),
    ],
)
def test_a_file_that_cannot_be_read(project: Project, content: bytes | None, problem: str) -> None:
    if content is not None:
        (project.root / "x.php").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        import_reverb_php(Path("x.php"), environ={}, cwd=project.root)
    assert caught.value.problems == (f"{project.root}/x.php: {problem}",)
