"""The options of apps that are looked up."""

from __future__ import annotations

import pytest

from tests.config.project import Project

URL = "postgresql+asyncpg://me:hush-hush@db.example/apps"


def test_a_database_needs_no_configured_app(project: Project) -> None:
    config = project.load({"REVURB_APP_DATABASE": URL}, app=False)
    assert config.looks_up_apps
    assert config.app_lookup.database == URL
    assert "hush-hush" not in repr(config)


def test_configured_apps_are_not_used_beside_one(project: Project) -> None:
    config = project.load({"REVURB_APP_DATABASE": URL})
    assert config.warnings == (
        "app_lookup.database: the database has the apps; those configured (1) are not used",
    )


def test_a_provider_and_a_database_are_one_too_many(project: Project) -> None:
    environ = {"REVURB_APP_DATABASE": URL, "REVURB_APP_PROVIDER": "my.apps:Provider"}
    assert project.problems(environ, app=False) == (
        "app_lookup.database: found in environment (REVURB_APP_DATABASE), but app_provider in "
        "environment (REVURB_APP_PROVIDER); allowed: one of them",
    )


@pytest.mark.parametrize("name", ["1apps", "apps; DROP TABLE apps", "a.b", "a" * 64])
def test_a_table_has_a_plain_name(project: Project, name: str) -> None:
    (problem,) = project.problems({"REVURB_APP_DATABASE_TABLE": name})
    assert problem.startswith("app_lookup.table: found ")
    assert problem.endswith("allowed: letters, digits and _")
