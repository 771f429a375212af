"""Looks up apps: the interface of an app provider, and the provider of configured apps.

A provider finds an app by id (HTTP API) and by key (WebSocket). It returns the result or an awaitable of it: the fixed
list of the configuration returns at once and needs no task; a provider that queries a database returns an awaitable,
and the connection pauses reading until it is done.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

from revurb.apps.app import App


class AppProviderError(Exception):
    """Two apps of a provider have the same id or key; the text names it."""


class AppsUnavailable(AppProviderError):
    """The apps cannot be looked up at present. Whoever asked is to come back after a while."""


class AppProvider(Protocol):
    """The methods of an app provider (`REVURB_APP_PROVIDER=package.module:Class`)."""

    def find_by_id(self, app_id: str) -> App | Awaitable[App | None] | None:
        """Returns the app with this id, or None."""

    def find_by_key(self, key: str) -> App | Awaitable[App | None] | None:
        """Returns the app with this key, or None."""

    def all(self) -> Sequence[App]:
        """Returns the apps known now, for the lines printed at start and for metrics; never used to look one up."""


class WatchedProvider(AppProvider):
    """An AppProvider of ours that is told of changes, such as one of a database. Classes of users are none, whatever
    methods they have."""

    @abstractmethod
    def watch(self, on_change: Callable[[str | None], None]) -> None:
        """Call `on_change` with the id of an app that has changed, or None where any may have."""

    @abstractmethod
    async def close(self) -> None:
        """Give up all connections."""


class FixedApps:
    """The provider of the configured apps, with indexes by id and by key. Raises AppProviderError for a duplicate."""

    def __init__(self, apps: Iterable[App]) -> None:
        self._apps = tuple(apps)
        self._by_id: dict[str, App] = {}
        self._by_key: dict[str, App] = {}
        for app in self._apps:
            if app.id in self._by_id:
                raise AppProviderError(f"two apps have the id {app.id!r}; an id must be unique")
            if app.key in self._by_key:
                raise AppProviderError(f"two apps have the key {app.key!r}; a key must be unique")
            self._by_id[app.id] = app
            self._by_key[app.key] = app

    def find_by_id(self, app_id: str) -> App | None:
        return self._by_id.get(app_id)

    def find_by_key(self, key: str) -> App | None:
        return self._by_key.get(key)

    def all(self) -> Sequence[App]:
        return self._apps


_: type[AppProvider] = FixedApps
