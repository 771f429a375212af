"""`[[apps.history]]` tables, and the rule of the environment."""

from __future__ import annotations

import pytest

from revurb.apps import HistoryRule
from revurb.config import option_rows
from tests.config.project import APP_TOML, Project

ENV_APP = {"REVERB_APP_ID": "1"}
ENV = {"REVURB_APP_HISTORY_CHANNELS": "room-*,news", "REVURB_APP_HISTORY_TTL": "60"}
RULE = HistoryRule(channels=("room-*", "news"), ttl_s=60)


def table(*lines: str) -> str:
    return "\n".join((APP_TOML, "[[apps.history]]", *lines, ""))


def rules(project: Project, text: str, environ: dict[str, str] | None = None) -> tuple[HistoryRule, ...]:
    project.write("revurb.toml", text)
    return project.load(environ, app=False).apps[0].history


def test_tables_are_rules(project: Project) -> None:
    text = table(
        'channels = ["room-*"]',
        "size = 500",
        "ttl = 600",
        "[[apps.history]]",
        'channels = ["news"]',
        "ttl_s = 5",
    )
    assert rules(project, text) == (
        HistoryRule(channels=("room-*",), size=500, ttl_s=600),
        HistoryRule(channels=("news",), ttl_s=5),
    )


def test_the_environment_adds_one_unless_it_is_there(project: Project) -> None:
    assert rules(project, APP_TOML, {**ENV_APP, **ENV}) == (RULE,)
    same = table('channels = ["room-*", "news"]', "ttl = 60")
    assert rules(project, same, {**ENV_APP, **ENV}) == (RULE,)
    other = table('channels = ["private-*"]')
    assert rules(project, other, {**ENV_APP, **ENV}) == (HistoryRule(channels=("private-*",)), RULE)
    assert rules(project, APP_TOML, ENV_APP) == ()


def test_the_rule_of_the_environment_needs_its_app(project: Project) -> None:
    project.write("revurb.toml", APP_TOML)
    (problem,) = project.problems(ENV, app=False)
    assert problem.startswith("REVERB_APP_ID: not set, but found environment (REVURB_APP_HISTORY_CHANNELS)")


def test_numbers_without_channels_are_a_problem(project: Project) -> None:
    project.write("revurb.toml", APP_TOML)
    (problem,) = project.problems({**ENV_APP, "REVURB_APP_HISTORY_SIZE": "5"}, app=False)
    assert problem.startswith("apps.1.history.channels: not set; allowed: names")


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (("size = 5",), "apps.1.history[0].channels: not set; allowed: names"),
        (("channels = []",), "apps.1.history[0].channels: found []"),
        (('channels = ["a", ""]',), "apps.1.history[0].channels: found ['a', '']"),
        (
            ('channels = ["a"]', "size = 0"),
            "apps.1.history[0].size: found 0 in revurb.toml; allowed: an integer from 1",
        ),
        (('channels = ["a"]', 'ttl = "long"'), "apps.1.history[0].ttl: found 'long'"),
        (
            ('channels = ["a"]', "sise = 5"),
            'apps.1.history[0].sise: unknown key, found in revurb.toml; did you mean "size"',
        ),
    ],
)
def test_problems_name_the_key(project: Project, lines: tuple[str, ...], problem: str) -> None:
    project.write("revurb.toml", table(*lines))
    (found,) = project.problems(app=False)
    assert found.startswith(problem)


def test_what_is_no_table(project: Project) -> None:
    project.write("revurb.toml", APP_TOML + '\nhistory = ["room-*"]\n')
    (found,) = project.problems(app=False)
    assert found == "apps.1.history: found no tables in revurb.toml; allowed: [[apps.history]] tables"


def test_each_option_is_listed_with_its_source(project: Project) -> None:
    project.write("revurb.toml", table('channels = ["room-*"]'))
    rows = {row.key: (row.value, row.source) for row in option_rows(project.load(app=False))}
    assert rows["apps.1.history[0].channels"] == (["room-*"], "revurb.toml")
    assert rows["apps.1.history[0].ttl"] == (300, "default")
