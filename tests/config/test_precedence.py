"""Which source wins, and what counts as a value in it."""

from __future__ import annotations

import pytest

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
