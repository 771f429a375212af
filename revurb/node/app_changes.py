"""The apps of a node, and what happens to connections when one changes.

Configured apps change with a new process. What a provider finds changes whenever it does: an app that is read again
(its cache entry has expired, `revurb apps reload`, PostgreSQL has told) counts for the connections that are there. They
are closed if it is disabled (4003) or gone (4001), those of pages that may not connect any more are closed too (4009),
and the others have its limits from then on. Where an app has connections and nobody asks for it, it is asked for here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterable, Iterator
from typing import Any, cast

from revurb.apps import App, AppProvider, FixedApps
from revurb.apps.provider import WatchedProvider
from revurb.config import Config
from revurb.lookup.cached_apps import CachedApps
from revurb.lookup.task_end import end_tasks
from revurb.node.profiled_apps import ProfiledApps
from revurb.pusher.errors import AppDisabled, OriginNotAllowed, PusherError, UnknownApp
from revurb.pusher.origins import origin_allowed
from revurb.pusher.registry import RegisteredSession, Registry

_log = logging.getLogger(__name__)

CLOSE_S = 1.0  # to say goodbye to a database, which may not answer
CHECKS_IN_TTL = 20  # of apps that may have expired
# A handshake may have found an app before it changed, and be admitted after: a lookup and the bus have 3 s each.
SETTLE_S = 7.0
TURN_APPS = 50  # that are looked up in a turn of the loop


class AppChanges:
    """The apps of `provider`, or of the configuration without one. `apps` finds them."""

    _registry: Registry  # made by `begin`

    def __init__(self, provider: AppProvider | None, config: Config) -> None:
        self._provider: AppProvider | None = provider
        self._cache: CachedApps | None = None
        self._ttl_s = config.app_lookup.cache_ttl_s
        if provider is None:
            self.apps: AppProvider = FixedApps(config.apps)
        else:
            # Also one that keeps nothing: it is what bounds lookups, and serves known apps while the provider fails.
            self._cache = CachedApps(provider, self._ttl_s)
            self._cache.on_changed = self._look_up
            profile = config.limits.profile
            apps = self._cache
            self.apps = apps if profile == "reverb" else ProfiledApps(apps, profile)
        self._finder: AppProvider = self.apps
        self._checked_at = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._refresh: asyncio.Task[None] | None = None
        self._changed: dict[str, bool] = {}  # to be looked up; whether to do that again when all has settled
        self._settling: dict[str, float] = {}  # and when that is, the next one first
        self._working: asyncio.Task[None] | None = None

    def begin(self, finder: AppProvider, registry: Registry) -> None:
        """`finder` is what the node's requests find apps with, over `apps`."""
        self._finder, self._registry = finder, registry
        if isinstance(self._provider, WatchedProvider):
            self._provider.watch(self.reload)

    async def stop(self) -> None:
        """To be called when no client is left."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        left: list[asyncio.Task[Any]] = []
        if self._cache is not None:
            left += self._cache.under_way()
        for task in left:
            task.cancel()
        if isinstance(self._provider, WatchedProvider):
            closing = asyncio.ensure_future(self._provider.close())
            await asyncio.wait((closing,), timeout=CLOSE_S)
            left.append(closing)
        await end_tasks(left, CLOSE_S)

    @property
    def are_looked_up(self) -> bool:
        """Whether apps are looked up somewhere, and so can be read again; else they are those of the configuration."""
        return self._provider is not None

    def reload(self, app_id: str | None = None) -> None:
        """Ask the provider again for an app, or for all, and have what it says count for connections."""
        if self._cache is not None:
            self._cache.invalidate(app_id)
        if self._provider is not None:
            for each in (app_id,) if app_id is not None else tuple(self._registry.states):
                self._look_up(each)

    def tick(self, now: float) -> None:
        """To be called a few times a second: asks for the apps that have connections when they may have expired."""
        while self._settling and (first := next(iter(self._settling.items())))[1] <= now:
            del self._settling[first[0]]
            self._look_up(first[0], settles=False)
        if not self._ttl_s or self._cache is None or now - self._checked_at < self._ttl_s / CHECKS_IN_TTL:
            return
        self._checked_at = now
        if self._refresh is None or self._refresh.done():
            used = [app_id for app_id, state in self._registry.states.items() if state.sessions]
            self._refresh = self._spawn(self._refresh_each(used))

    async def _refresh_each(self, app_ids: Iterable[str]) -> None:
        """Looks apps up, so that the cache finds out whether they have changed."""
        for number, app_id in enumerate(app_ids):
            if number % TURN_APPS == 0:
                await asyncio.sleep(0)
            try:
                found = self._finder.find_by_id(app_id)
                if isinstance(found, Awaitable):
                    await found
            except Exception as error:  # of the provider; the app stays as it was
                _log.debug("an app cannot be looked up", extra={"app": app_id, "error": type(error).__name__})

    def _look_up(self, app_id: str, *, settles: bool = True) -> None:
        """The provider may say something else of the app than before, or the cache has that already. An app without a
        state is looked up when somebody asks for it."""
        if app_id in self._registry.states:
            self._changed[app_id] = settles or self._changed.get(app_id, False)
            if self._working is None or self._working.done():
                self._working = self._spawn(self._work_off())

    async def _work_off(self) -> None:
        """One after the other: a provider may tell of thousands at once, and requests ask it too."""
        failures = 0
        while self._changed:
            app_id = next(iter(self._changed))
            settles = self._changed.pop(app_id)
            try:
                found = self._finder.find_by_id(app_id)
                app = await found if isinstance(found, Awaitable) else found
            except Exception as error:  # of the provider; the app stays as it was
                failures += 1
                if failures == 1:
                    _log.warning(
                        "an app cannot be looked up, its connections stay as they are",
                        extra={"app": app_id, "error": type(error).__name__},
                    )
            else:
                if settles:
                    self._settling.pop(app_id, None)
                    self._settling[app_id] = asyncio.get_running_loop().time() + SETTLE_S
                self._apply(app_id, app)
            await asyncio.sleep(0)
        if failures > 1:
            _log.warning("apps cannot be looked up, their connections stay", extra={"count": failures})

    def _apply(self, app_id: str, app: App | None) -> None:
        state = self._registry.states.get(app_id)
        if state is None:
            return
        sessions = tuple(state.sessions.values())
        counts = {"app": app_id, "connections": len(sessions)}
        if app is not None:
            self._registry.state(app)  # the newest one counts
        if app is not None and app.is_enabled:
            state.work(_adopt_each(sessions, app))
        elif sessions:
            if app is None:
                _log.info("app is gone, closing its connections", extra=counts)
            else:
                _log.info("app is disabled, closing its connections", extra=counts)
            state.work(_end_each(sessions, UnknownApp() if app is None else AppDisabled()))

    def _spawn(self, coroutine: Awaitable[None]) -> asyncio.Task[None]:
        task = cast("asyncio.Task[None]", asyncio.ensure_future(coroutine))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _end_each(sessions: Iterable[RegisteredSession], error: PusherError) -> Iterator[None]:
    for session in sessions:
        session.end(error)
        yield


def _adopt_each(sessions: Iterable[RegisteredSession], app: App) -> Iterator[None]:
    for session in sessions:
        if origin_allowed(session.origin, app.allowed_origins):
            session.adopt_limits()
        else:
            session.end(OriginNotAllowed())
        yield
