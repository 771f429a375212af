"""What is kept of a provider's answers, for how long, and what counts while it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import replace

import pytest

from revurb.apps import App, AppsUnavailable
from revurb.lookup.cached_apps import MAX_QUERIES, MAX_UNKNOWN, RETRY_S, CachedApps

ONE = App(id="1", key="k1", secret="s1")
TWO = App(id="2", key="k2", secret="s2")


class Database:
    """A provider whose answers wait for `gate`. `asked` are the lookups that it has begun."""

    def __init__(self, *apps: App) -> None:
        self.apps = list(apps)
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None

    def find_by_id(self, app_id: str) -> Awaitable[App | None]:
        return self._find("id", app_id)

    def find_by_key(self, key: str) -> Awaitable[App | None]:
        return self._find("key", key)

    def all(self) -> Sequence[App]:
        return ()

    async def _find(self, name: str, text: str) -> App | None:
        self.asked.append(text)
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return next((app for app in self.apps if getattr(app, name) == text), None)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def cached(database: Database, max_apps: int = 100) -> tuple[CachedApps, Clock, list[str]]:
    clock, changed = Clock(), list[str]()
    apps = CachedApps(database, 60.0, clock=clock, max_apps=max_apps)
    apps.on_changed = changed.append
    return apps, clock, changed


async def found(answer: App | Awaitable[App | None] | None) -> App | None:
    return await answer if isinstance(answer, Awaitable) else answer


async def test_what_is_fresh_costs_no_query_and_no_task() -> None:
    database = Database(ONE)
    apps, clock, _ = cached(database)
    assert await found(apps.find_by_key("k1")) == ONE
    assert apps.find_by_key("k1") is apps.find_by_id("1") is not None
    clock.now += 59
    assert apps.find_by_id("1") == ONE
    clock.now += 2
    assert isinstance(answer := apps.find_by_id("1"), Awaitable)
    assert await answer == ONE
    assert database.asked == ["k1", "1"]
    assert apps.all() == [ONE]


async def test_two_apps_with_one_key_do_not_take_turns() -> None:
    twin = replace(TWO, key="k1")
    apps, clock, _ = cached(Database(ONE, twin))
    assert await found(apps.find_by_key("k1")) == ONE
    for _ in range(2):
        assert await found(apps.find_by_id("2")) == twin
        assert await found(apps.find_by_key("k1")) == ONE
        assert await found(apps.find_by_id("1")) == ONE
        clock.now += 61


async def test_one_query_at_a_time_for_a_name() -> None:
    database = Database(ONE)
    database.gate.clear()
    apps, _, _ = cached(database)
    waiting = [asyncio.ensure_future(found(apps.find_by_id("1"))) for _ in range(50)]
    await asyncio.sleep(0)
    waiting[0].cancel()  # who gives up does not take it from the others
    database.gate.set()
    assert await asyncio.gather(*waiting[1:]) == [ONE] * 49
    assert database.asked == ["1"]


async def test_so_many_queries_at_a_time_in_all() -> None:
    database = Database()
    database.gate.clear()
    apps, _, _ = cached(database)
    waiting = [asyncio.ensure_future(found(apps.find_by_key(f"x{i}"))) for i in range(3 * MAX_QUERIES)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(database.asked) == MAX_QUERIES
    database.gate.set()
    assert await asyncio.gather(*waiting) == [None] * (3 * MAX_QUERIES)


async def test_what_is_unknown_is_remembered_for_a_while_and_for_so_many_names() -> None:
    database = Database(ONE)
    apps, clock, _ = cached(database)
    await found(apps.find_by_id("1"))
    for number in range(MAX_UNKNOWN + 1):
        assert await found(apps.find_by_key(f"x{number}")) is None
    count = len(database.asked)
    assert apps.find_by_key(f"x{MAX_UNKNOWN}") is None
    assert apps.find_by_id("1") == ONE  # was not driven out
    assert len(database.asked) == count
    assert isinstance(oldest := apps.find_by_key("x0"), Awaitable)
    assert await oldest is None
    clock.now += 11
    database.apps.append(App(id="9", key="x5", secret="s"))
    assert await found(apps.find_by_key("x5")) is not None


async def test_known_apps_are_served_while_the_database_fails_or_hangs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    database = Database(ONE)
    apps, clock, changed = cached(database)
    await found(apps.find_by_id("1"))
    database.error = OSError("no route to host")
    clock.now += 61
    assert await found(apps.find_by_key("k1")) == ONE
    assert apps.find_by_id("1") == ONE, "for some time nobody is asked"
    with pytest.raises(AppsUnavailable, match="cannot be looked up at present"):
        await found(apps.find_by_key("k2"))
    database.error = None
    database.gate.clear()  # hangs
    clock.now += RETRY_S + 1
    assert await found(apps.find_by_key("k1")) == ONE
    assert [record.message for record in caplog.records].count(
        "the apps cannot be looked up, serving those that are known"
    ) == 1
    # The late answer counts all the same.
    database.apps = [replace(ONE, is_enabled=False)]
    database.gate.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert await found(apps.find_by_key("k1")) == database.apps[0]
    assert changed == ["1"]


async def test_an_app_that_the_provider_has_no_more_is_gone() -> None:
    database = Database(ONE, TWO)
    apps, clock, changed = cached(database)
    await found(apps.find_by_id("1"))
    database.apps.remove(ONE)
    clock.now += 61
    assert await found(apps.find_by_id("1")) is None
    assert await found(apps.find_by_key("k1")) is None
    assert changed == ["1"]


async def test_another_key_takes_the_old_one_away() -> None:
    database = Database(ONE)
    apps, clock, changed = cached(database)
    await found(apps.find_by_key("k1"))
    database.apps = [replace(ONE, key="new")]
    clock.now += 61
    assert (await found(apps.find_by_id("1"))) == database.apps[0]
    assert await found(apps.find_by_key("k1")) is None
    assert changed == ["1"]


async def test_invalidating_asks_again_and_a_query_from_before_does_not_count() -> None:
    database = Database(ONE)
    apps, _, _ = cached(database)
    await found(apps.find_by_id("1"))
    apps.invalidate("2")
    assert apps.find_by_id("1") == ONE
    apps.invalidate("1")
    database.gate.clear()
    early = asyncio.ensure_future(found(apps.find_by_id("1")))
    await asyncio.sleep(0)
    apps.invalidate()
    late = asyncio.ensure_future(found(apps.find_by_id("1")))
    await asyncio.sleep(0)
    database.gate.set()
    await asyncio.gather(early, late)
    assert database.asked == ["1", "1", "1"]


async def test_no_more_apps_than_so_many_and_the_least_used_goes() -> None:
    three = App(id="3", key="k3", secret="s3")
    database = Database(ONE, TWO, three)
    apps, _, _ = cached(database, max_apps=2)
    for app_id in ("1", "2"):
        await found(apps.find_by_id(app_id))
    apps.find_by_id("1")
    await found(apps.find_by_id("3"))
    assert apps.find_by_id("1") == ONE
    assert isinstance(answer := apps.find_by_key("k2"), Awaitable)
    assert await answer == TWO


async def test_a_provider_that_has_its_answers_is_asked_each_time() -> None:
    class Instant:
        def find_by_id(self, app_id: str) -> App | None:
            return ONE

        def find_by_key(self, key: str) -> App | None:
            return None

        def all(self) -> Sequence[App]:
            return [ONE]

    apps = CachedApps(Instant(), 60.0)
    assert apps.find_by_id("1") is ONE
    assert apps.find_by_key("1") is None
    assert apps.all() == [ONE]
