"""The targets of all apps by id of the app.

Of configured apps they are known from the start. An app provider is asked, and may take its time, while the bus has to
know at once what is wanted of a channel: so what the node has found of an app is noted here, before the app's first
connection can do anything.
"""

from __future__ import annotations

import inspect
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Sequence

from revurb.apps import App, AppProvider, FixedApps
from revurb.webhooks.app_targets import AppTargets, TargetRoute

MAX_NOTED_APPS = 10_000
FRESH_S = 60.0  # after which a provider is asked again


class TargetBook:
    """Finds targets. `apps` is asked only if it is a provider of the user's own."""

    def __init__(self, apps: AppProvider, now: Callable[[], float] = time.monotonic) -> None:
        self._apps = apps
        self._now = now
        self.is_fixed = isinstance(apps, FixedApps)
        self._by_id: OrderedDict[str, AppTargets | None] = OrderedDict()  # None: there is no such app
        self._noted_at: dict[str, float] = {}
        self.wanted: dict[str, int] = {}
        """By app id, what is wanted of its channels: for the bus, at any time."""
        self.on_wanted: Callable[[str, int], None] = lambda app_id, wanted: None
        if self.is_fixed:
            targets = map(AppTargets, apps.all())
            self._by_id.update((each.app.id, each) for each in targets if not each.is_empty)
            self.wanted = {each.app.id: each.wanted for each in self._by_id.values() if each is not None}

    @property
    def has_targets(self) -> bool:
        """Whether an app has a target, as far as that is known."""
        return any(each is not None and each.routes for each in self._by_id.values())

    def routes(self) -> Iterator[TargetRoute]:
        """The targets of all apps, as far as they are known."""
        for targets in self._by_id.values():
            if targets is not None:
                yield from targets.routes

    def find(self, app_id: str) -> AppTargets | None:
        """The targets of an app, as far as they are known."""
        return self._by_id.get(app_id)

    def note(self, app: App) -> None:
        """Note an app that a provider has found."""
        known = self._by_id.get(app.id)
        if known is None or (known.app is not app and known.app != app):
            known = AppTargets(app)
        self._put(app.id, known)

    def _put(self, app_id: str, targets: AppTargets | None) -> None:
        self._by_id[app_id] = targets
        self._by_id.move_to_end(app_id)
        self._want(app_id, 0 if targets is None else targets.wanted)
        self._noted_at[app_id] = self._now()
        if len(self._by_id) > MAX_NOTED_APPS:
            oldest, _ = self._by_id.popitem(last=False)
            self._noted_at.pop(oldest, None)
            self._want(oldest, 0)

    def _want(self, app_id: str, wanted: int) -> None:
        if self.wanted.get(app_id, 0) != wanted:
            self.wanted[app_id] = wanted
            if not wanted:
                del self.wanted[app_id]
            self.on_wanted(app_id, wanted)

    def unknown(self, app_ids: Sequence[str]) -> Sequence[str]:
        """Those of the apps that `ask` has to be called for."""
        if self.is_fixed:
            return ()
        too_old = self._now() - FRESH_S
        return [app_id for app_id in dict.fromkeys(app_ids) if self._noted_at.get(app_id, too_old) <= too_old]

    async def ask(self, app_ids: Sequence[str]) -> None:
        """Ask the provider. An app that it does not know any more has no targets. Raises what the provider raises."""
        for app_id in app_ids:
            found = self._apps.find_by_id(app_id)
            app = await found if inspect.isawaitable(found) else found
            if app is not None:
                self.note(app)
            else:
                self._put(app_id, None)


class NotedApps:
    """A provider of the user's own whose findings are noted in a book."""

    def __init__(self, apps: AppProvider, book: TargetBook) -> None:
        self._apps = apps
        self._book = book

    def find_by_id(self, app_id: str) -> App | Awaitable[App | None] | None:
        """As the provider."""
        return self._noted(self._apps.find_by_id(app_id))

    def find_by_key(self, key: str) -> App | Awaitable[App | None] | None:
        """As the provider."""
        return self._noted(self._apps.find_by_key(key))

    def all(self) -> Sequence[App]:
        """As the provider."""
        return self._apps.all()

    def _noted(self, found: App | Awaitable[App | None] | None) -> App | Awaitable[App | None] | None:
        if isinstance(found, App):
            self._book.note(found)
            return found
        return None if found is None else self._note_later(found)

    async def _note_later(self, found: Awaitable[App | None]) -> App | None:
        app = await found
        if app is not None:
            self._book.note(app)
        return app


_: type[AppProvider] = NotedApps
