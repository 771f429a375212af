"""Where a server's apps come from."""

from __future__ import annotations

import pytest

from revurb.config import Config, ConfigError
from revurb.config.app_lookup import AppLookupConfig
from revurb.lookup.sql_apps import SqlApps
from revurb.node.app_source import app_source


def test_a_configuration_with_apps_needs_no_provider() -> None:
    assert app_source(Config()) is None


async def test_a_database() -> None:
    apps = app_source(Config(app_lookup=AppLookupConfig(database="sqlite:///apps.db")))
    assert isinstance(apps, SqlApps)
    await apps.close()


def test_a_database_that_cannot_be_used() -> None:
    with pytest.raises(ConfigError) as caught:
        app_source(Config(app_lookup=AppLookupConfig(database="oracle://me:hush@h")))
    (problem,) = caught.value.problems
    assert problem.startswith("app_lookup.database (REVURB_APP_DATABASE): oracle://me:...@h cannot be used: ")


def test_a_provider_of_the_users_own() -> None:
    with pytest.raises(ConfigError, match="app_provider"):
        app_source(Config(app_provider="nowhere_to_be_found:Apps"))
