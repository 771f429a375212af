"""An app provider for two who ask one after the other: what the first was answered, and leaves, the second is given."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from revurb.apps import App, AppProvider


class AskedApps:
    """The AppProvider `provider`, but that `leave` gives the next answer of `find_by_id`: a second lookup may be
    a second query, and an awaitable that nobody awaited would be one that was begun and dropped."""

    def __init__(self, provider: AppProvider) -> None:
        self.provider = provider
        self._left: tuple[str, App | Awaitable[App | None] | None] | None = None

    def leave(self, app_id: str, answer: App | Awaitable[App | None] | None) -> None:
        self._left = app_id, answer

    def find_by_id(self, app_id: str) -> App | Awaitable[App | None] | None:
        left, self._left = self._left, None
        return self.provider.find_by_id(app_id) if left is None or left[0] != app_id else left[1]

    def find_by_key(self, key: str) -> App | Awaitable[App | None] | None:
        return self.provider.find_by_key(key)

    def all(self) -> Sequence[App]:
        return self.provider.all()
