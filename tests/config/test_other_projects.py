"""What is said in a project of Laravel Reverb, or of Pusher's service."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.project import APP, Project

STOCK = (Path(__file__).parent / "laravel" / "reverb.php").read_text()
ENVIRONMENT = "".join(f"{name}={value}\n" for name, value in APP.items())


@pytest.fixture
def laravel(project: Project) -> Project:
    (project.root / "config").mkdir()
    project.write(".env", ENVIRONMENT)
    project.write("config/reverb.php", STOCK)
    return project


def test_the_file_of_reverb_is_no_matter(laravel: Project) -> None:
    assert laravel.load(app=False).warnings == ()


def test_limits_of_pusher_are_wanted_otherwise(laravel: Project) -> None:
    """The file has Reverb's sizes of messages and requests."""
    assert laravel.load({"REVURB_LIMITS": "pusher"}, app=False).warnings == ()


def test_what_it_sets_otherwise_is_said(laravel: Project) -> None:
    laravel.write("config/reverb.php", STOCK.replace("['*']", "['a.com']").replace("60),\n", "70),\n", 1))
    assert laravel.load(app=False).warnings == (
        "config/reverb.php is not read here, and sets otherwise: scaling.redis.timeout_s is 70.0, here 60.0 (default); "
        "apps.1.allowed_origins is a.com, here * (default). "
        "`revurb import config/reverb.php` makes a revurb.toml of it",
    )


def test_it_is_looked_for_beside_the_env_file(laravel: Project) -> None:
    laravel.write("config/reverb.php", STOCK.replace("['*']", "['a.com']"))
    elsewhere = laravel.root / "elsewhere"
    elsewhere.mkdir()
    project = Project(elsewhere)
    assert (
        project.load(app=False, env_file=Path("../.env"))
        .warnings[0]
        .startswith("../config/reverb.php is not read")
    )


def test_one_that_cannot_be_read(laravel: Project) -> None:
    laravel.write("config/reverb.php", "<?php return [")
    (warning,) = laravel.load(app=False).warnings
    assert warning.endswith(
        "config/reverb.php: line 1: a bracket is not closed; so what it sets is not known here"
    )


def test_no_app_at_all_has_its_ways_out(project: Project) -> None:
    (problem,) = project.problems(app=False)
    assert problem == (
        "apps: not set; allowed: REVERB_APP_ID, REVERB_APP_KEY and REVERB_APP_SECRET, [[apps]] tables in revurb.toml, "
        "REVURB_APP_PROVIDER, or revurb serve --dev for a ready-made app to try"
    )


def test_no_app_beside_a_file_of_reverb(laravel: Project) -> None:
    laravel.write(".env", "")
    (problem,) = laravel.problems(app=False)
    assert "revurb import config/reverb.php, which makes a revurb.toml" in problem


def test_names_of_pusher_get_a_word(project: Project) -> None:
    project.write(".env", "PUSHER_APP_ID=1\nPUSHER_APP_KEY=the-key\nPUSHER_APP_SECRET=hush-hush\n")
    (problem,) = project.problems(app=False)
    assert "hush" not in problem
    assert problem.endswith(
        "(found PUSHER_APP_ID, PUSHER_APP_KEY, PUSHER_APP_SECRET, which are for Pusher's service; into .env go "
        'REVERB_APP_ID="${PUSHER_APP_ID}" REVERB_APP_KEY="${PUSHER_APP_KEY}" '
        'REVERB_APP_SECRET="${PUSHER_APP_SECRET}")'
    )
    lines = problem.partition("into .env go ")[2].rstrip(")").replace(" ", "\n")
    with (project.root / ".env").open("a") as file:
        file.write(lines)
    (app,) = project.load(app=False).apps
    assert (app.id, app.key, app.secret) == ("1", "the-key", "hush-hush")


def test_names_of_pusher_beside_an_app_are_left_alone(project: Project) -> None:
    assert project.load({"PUSHER_APP_KEY": "x"}).warnings == ()
