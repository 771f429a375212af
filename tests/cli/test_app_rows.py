"""Rows of apps that are none."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import create_engine, text

from tests.cli.conftest import Project


def test_a_row_that_is_no_app_is_listed_with_its_problem(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVURB_APP_DATABASE", "sqlite:///apps.db")
    project.run("apps", "init")
    engine = create_engine("sqlite:///apps.db")
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO apps (id, key, secret, options) VALUES ('1', 'a b', 'hush-hush', NULL)")
        )
    engine.dispose()
    (row,) = json.loads(project.run("apps", "list", "--json").stdout)
    assert row["problem"].startswith("the row of app '1': App.key: found 'a b'; allowed: ")
    assert row["is_enabled"] is False
    assert "not usable" in project.run("apps", "list").output
