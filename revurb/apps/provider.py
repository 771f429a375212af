"""How an app is found.

Plan: a provider answers two questions, by id (HTTP API) and by key (WebSocket). The answers are plain or
awaitable: the fixed list of the configuration answers at once and costs no task; a provider that asks a
database returns an awaitable, and the connection waits for it with reading paused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Sequence
from typing import Protocol

from revurb.apps.app import App


class AppProviderError(Exception):
    """The apps given to a provider cannot be served together; the text says which and why."""


class AppProvider(Protocol):
    """What a custom provider implements (`REVURB_APP_PROVIDER=package.module:Class`)."""

    def find_by_id(self, app_id: str) -> App | Awaitable[App | None] | None:
        """The app with this id, or None."""

    def find_by_key(self, key: str) -> App | Awaitable[App | None] | None:
        """The app with this key, or None."""

    def all(self) -> Sequence[App]:
        """The apps known now; used for what is printed at start and for metrics, never to look one up."""


class FixedApps:
    """The apps of the configuration, indexed once."""

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
