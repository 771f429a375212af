"""Where the apps of a server come from, if not from its configuration: a class of the user's own, or a database."""

from __future__ import annotations

from revurb.apps import AppProvider, AppProviderError
from revurb.config import Config, ConfigError, load_app_provider


def app_source(config: Config) -> AppProvider | None:
    """The provider that the configuration names; None where it has the apps itself. Raises ConfigError for one that
    cannot be used."""
    if config.app_provider is not None:
        return load_app_provider(config.app_provider)
    if config.app_lookup.database is None:
        return None
    from revurb.lookup.sql_apps import SqlApps  # imports much, which few need

    try:
        return SqlApps(config.app_lookup.database, config.app_lookup.table)
    except AppProviderError as error:
        raise ConfigError([f"app_lookup.database (REVURB_APP_DATABASE): {error}"]) from error
