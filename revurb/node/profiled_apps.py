"""Apps of a provider, with the limits that `REVURB_LIMITS` gives where they set none themselves.

Apps of the configuration have them already.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from functools import lru_cache

from revurb.apps import App, AppProvider
from revurb.config.limits_profile import with_profile

# A provider may make an App for each request, and to replace its fields takes 10 us: the last ones are kept.
_limited = lru_cache(maxsize=1024)(with_profile)


class ProfiledApps:
    """An AppProvider over another one. `profile` is one of `LimitsProfile`."""

    def __init__(self, apps: AppProvider, profile: str) -> None:
        self._apps = apps
        self._profile = profile

    def find_by_id(self, app_id: str) -> App | Awaitable[App | None] | None:
        return self._adopt(self._apps.find_by_id(app_id))

    def find_by_key(self, key: str) -> App | Awaitable[App | None] | None:
        return self._adopt(self._apps.find_by_key(key))

    def all(self) -> Sequence[App]:
        return [_limited(app, self._profile) for app in self._apps.all()]

    def _adopt(self, found: App | Awaitable[App | None] | None) -> App | Awaitable[App | None] | None:
        if found is None:
            return None
        return _limited(found, self._profile) if isinstance(found, App) else self._adopt_later(found)

    async def _adopt_later(self, found: Awaitable[App | None]) -> App | None:
        app = await found
        return None if app is None else _limited(app, self._profile)


_: type[AppProvider] = ProfiledApps
