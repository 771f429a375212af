"""Keeps the apps that a provider has found, so that not every request asks its database.

Rule 1: a lookup that finds a fresh app takes no task and no query; of those that miss, one query for each id or key is
under way at a time, and at most `MAX_QUERIES` in all.
Rule 2: what a provider does not know is remembered for a shorter time, for a bounded number of names: whoever makes
names up costs a query each, and drives out no app.
Rule 3: an app that was found once is served while the provider fails or hangs: the last one that was found, while the
provider is asked again every `RETRY_S`. Only an answer of the provider takes it away.
Who asks for another one gets AppsUnavailable.
Rule 4: what a query finds that began before an `invalidate` is not kept.

A provider that returns at once is asked each time, and nothing of it is kept.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Sequence

from revurb.apps.app import App
from revurb.apps.provider import AppProvider, AppsUnavailable

_log = logging.getLogger(__name__)

MAX_APPS = 10_000
MAX_UNKNOWN = 10_000  # 0.2 KB each
MAX_UNKNOWN_S = 10.0  # for which a name is known to be unknown
MAX_QUERIES = 32
QUERY_TIMEOUT_S = 3.0  # less than the 5 s for which SDKs wait for an answer
STALE_WAIT_S = 0.5  # for a newer value of an app that is known
RETRY_S = 2.0
LOG_INTERVAL_S = 10.0

_Name = tuple[str, str]  # "id" or "key", and that


class _KeptApp:
    __slots__ = ("app", "fresh_until")

    def __init__(self, app: App, fresh_until: float) -> None:
        self.app = app
        self.fresh_until = fresh_until


class CachedApps:
    """An AppProvider over one that may return awaitables. What is found is fresh for `ttl_s` seconds; with 0 it is
    asked for each time, and kept for when the provider fails.

    `on_changed` is called with the id of an app of which the provider says something else than before.
    """

    def __init__(
        self,
        apps: AppProvider,
        ttl_s: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        max_apps: int = MAX_APPS,
    ) -> None:
        self.on_changed: Callable[[str], None] = lambda app_id: None
        self._apps = apps
        self._ttl_s = ttl_s
        self._clock = clock
        self._max_apps = max_apps
        self._by_id: OrderedDict[str, _KeptApp] = OrderedDict()  # the one that was used least recently first
        self._by_key: dict[str, _KeptApp] = {}
        self._unknown_until: OrderedDict[_Name, float] = OrderedDict()
        self._queries: dict[_Name, asyncio.Task[App | None]] = {}
        self._running: set[asyncio.Task[App | None]] = set()
        self._generation = 0
        self._slots = asyncio.Semaphore(MAX_QUERIES)
        self._logged_at = -LOG_INTERVAL_S

    def find_by_id(self, app_id: str) -> App | Awaitable[App | None] | None:
        kept = self._by_id.get(app_id)
        if kept is not None and self._clock() < kept.fresh_until:
            self._by_id.move_to_end(app_id)
            return kept.app
        return self._find(("id", app_id), kept)

    def find_by_key(self, key: str) -> App | Awaitable[App | None] | None:
        kept = self._by_key.get(key)
        if kept is not None and self._clock() < kept.fresh_until:
            self._by_id.move_to_end(kept.app.id)
            return kept.app
        return self._find(("key", key), kept)

    def all(self) -> Sequence[App]:
        return self._apps.all() or [kept.app for kept in self._by_id.values()]

    def under_way(self) -> Collection[asyncio.Task[App | None]]:
        """What is asked at present, to be cancelled when nobody waits for it any more."""
        return tuple(self._running)

    def invalidate(self, app_id: str | None = None) -> None:
        """Ask the provider again for an app, or for all, at the next lookup. Until it answers, what is known counts as
        long as it fails."""
        self._generation += 1
        self._queries.clear()
        self._unknown_until.clear()
        kept = self._by_id.values() if app_id is None else filter(None, (self._by_id.get(app_id),))
        for each in kept:
            each.fresh_until = 0.0

    def _find(self, name: _Name, kept: _KeptApp | None) -> App | Awaitable[App | None] | None:
        if kept is None and self._unknown_until.get(name, 0.0) > self._clock():
            return None
        query = self._queries.get(name)
        if query is None:
            kind, text = name
            found = self._apps.find_by_id(text) if kind == "id" else self._apps.find_by_key(text)
            if found is None or isinstance(found, App):
                return found
            query = asyncio.ensure_future(self._ask(name, found, self._generation))
            self._queries[name] = query
            self._running.add(query)
            query.add_done_callback(lambda done: self._on_answer(name, done))
        return self._answer(query, kept)

    async def _ask(self, name: _Name, found: Awaitable[App | None], generation: int) -> App | None:
        """What a query finds. One that hangs is cut off; it may go on hanging, as drivers do that say goodbye to a
        server which does not answer. Until it has ended it counts as one that is under way."""
        query = asyncio.ensure_future(self._query(name, found, generation))
        self._running.add(query)
        query.add_done_callback(self._on_end)
        try:
            done, _ = await asyncio.wait((query,), timeout=QUERY_TIMEOUT_S)
        except asyncio.CancelledError:
            query.cancel()
            raise
        if not done:
            query.cancel()
            raise TimeoutError(f"no answer within {QUERY_TIMEOUT_S:g} s")
        return query.result()

    async def _query(self, name: _Name, found: Awaitable[App | None], generation: int) -> App | None:
        try:
            async with self._slots:
                app = await found
        finally:
            if inspect.iscoroutine(found):
                found.close()  # it may not have begun
        if generation == self._generation:
            self._keep(name, app)
        return app

    def _on_end(self, query: asyncio.Task[App | None]) -> None:
        self._running.discard(query)
        if not query.cancelled():
            query.exception()  # whoever waited has it; if nobody does, asyncio need not complain

    def _on_answer(self, name: _Name, query: asyncio.Task[App | None]) -> None:
        self._on_end(query)
        if self._queries.get(name) is query:
            del self._queries[name]

    async def _answer(self, query: asyncio.Task[App | None], kept: _KeptApp | None) -> App | None:
        """What the query finds; if it fails, the app that is known. Who is cancelled does not cancel it for others."""
        try:
            async with asyncio.timeout(None if kept is None else STALE_WAIT_S):
                return await asyncio.shield(query)
        except Exception as error:
            if kept is None:
                self._log(error, None)
                raise AppsUnavailable("the apps cannot be looked up at present") from error
            kept.fresh_until = self._clock() + RETRY_S
            self._log(error, kept.app.id)
            return kept.app

    def _log(self, error: Exception, app_id: str | None) -> None:
        if self._clock() - self._logged_at >= LOG_INTERVAL_S:
            self._logged_at = self._clock()
            reason = (
                f"{type(error).__name__}: {str(error).splitlines()[0]}"
                if str(error)
                else type(error).__name__
            )
            _log.warning(
                "the apps cannot be looked up, serving those that are known",
                extra={"reason": reason} if app_id is None else {"app": app_id, "reason": reason},
            )

    def _keep(self, name: _Name, app: App | None) -> None:
        kind, text = name
        if app is None:
            before = self._by_id.get(text) if kind == "id" else self._by_key.get(text)
            if before is not None:
                self._drop(before)
                self.on_changed(before.app.id)
            self._unknown_until[name] = self._clock() + min(self._ttl_s, MAX_UNKNOWN_S)
            self._unknown_until.move_to_end(name)
            if len(self._unknown_until) > MAX_UNKNOWN:
                self._unknown_until.popitem(last=False)
            return
        before = self._by_id.get(app.id)
        if before is not None:
            self._drop(before)
        # A provider makes an App for each query: those that are equal are one, so that nobody has to compare.
        is_same = before is not None and before.app == app
        kept = _KeptApp(before.app if before is not None and is_same else app, self._clock() + self._ttl_s)
        self._by_id[app.id] = kept
        if (
            kind == "key" or app.key not in self._by_key
        ):  # rows may have the same: clients must not change apps
            self._by_key[app.key] = kept
        if len(self._by_id) > self._max_apps:
            self._drop(next(iter(self._by_id.values())))
        if before is not None and not is_same:
            self.on_changed(app.id)

    def _drop(self, kept: _KeptApp) -> None:
        del self._by_id[kept.app.id]
        if self._by_key.get(kept.app.key) is kept:
            del self._by_key[kept.app.key]


_: type[AppProvider] = CachedApps
