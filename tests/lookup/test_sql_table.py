"""The table of apps in each database: made, changed, and read by the provider; and soketi's as it is."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest
import sqlalchemy as sa

from revurb.apps import App, AppLimits, AppProviderError, RateLimit, WebhookTarget
from revurb.lookup.app_row import AppRowError
from revurb.lookup.sql_apps import SqlApps
from revurb.lookup.sql_table import AppTable
from tests.conftest import Need
from tests.lookup.databases import KINDS, Database

# As soketi's documentation has them.
SOKETI = {
    "mysql": """CREATE TABLE soketi (`id` varchar(255) NOT NULL, `key` varchar(255) NOT NULL,
        `secret` varchar(255) NOT NULL, `max_connections` integer(10) NOT NULL, `enabled` tinyint(1) NOT NULL,
        `enable_client_messages` tinyint(1) NOT NULL, `max_backend_events_per_sec` integer(10) NOT NULL,
        `max_client_events_per_sec` integer(10) NOT NULL, `max_read_req_per_sec` integer(10) NOT NULL,
        `webhooks` json, PRIMARY KEY (`id`))""",
    "postgresql": """CREATE TABLE soketi (id varchar(255) PRIMARY KEY, "key" varchar(255) NOT NULL,
        secret varchar(255) NOT NULL, max_connections integer NOT NULL, enabled smallint NOT NULL,
        enable_client_messages smallint NOT NULL, max_backend_events_per_sec integer NOT NULL,
        max_client_events_per_sec integer NOT NULL, max_read_req_per_sec integer NOT NULL, webhooks json)""",
}
WEBHOOKS = '[{"url": "https://example.com/hook", "event_types": ["client_event"]}]'


@pytest.fixture(scope="module", params=KINDS)
def database(request: pytest.FixtureRequest, need: Need) -> Iterator[Database]:
    with KINDS[request.param](need) as database:
        yield database


@contextlib.asynccontextmanager
async def opened(database: Database, name: str) -> AsyncIterator[tuple[SqlApps, AppTable]]:
    """Each test has a table of its own."""
    apps = SqlApps(database.url, name)
    try:
        yield apps, AppTable(apps.engine, name)
    finally:
        await apps.close()


async def test_an_app_from_its_first_day_to_its_last(database: Database) -> None:
    async with opened(database, "days") as (apps, table):
        with pytest.raises(AppProviderError, match="there is no table days: revurb apps init makes it"):
            await table.add("1", "k", "s", {})
        assert await table.init() == ["made the table days"]
        assert await table.init() == []

        options = {"allowed_origins": ["a.example"], "rate_limit": {"max_attempts": 5}, "ping_interval_s": 20}
        await table.add("1", "key1", "first", options)
        expected = {"id": "1", "key": "key1", "allowed_origins": ("a.example",), "ping_interval_s": 20}
        limited = App(**expected, secret="first", rate_limit=RateLimit(max_attempts=5))  # type: ignore[arg-type]
        assert await apps.find_by_id("1") == limited  # type: ignore[misc]
        assert await apps.find_by_key("key1") == limited  # type: ignore[misc]
        for app_id, key in (("1", "other"), ("other", "key1")):
            with pytest.raises(AppProviderError, match="already"):
                await table.add(app_id, key, "s", {})

        await table.rotate_secret("1", "second")
        app = await apps.find_by_id("1")  # type: ignore[misc]
        assert (app.secret, app.previous_secret) == ("second", "first")
        await table.rotate_secret("1", "third")
        await table.forget_previous_secret("1")
        await table.enable("1", is_enabled=False)
        app = await apps.find_by_id("1")  # type: ignore[misc]
        assert (app.secret, app.previous_secret, app.is_enabled) == ("third", None, False)
        assert [row["id"] for row in await apps.read_rows()] == ["1"]

        await table.remove("1")
        assert await apps.find_by_id("1") is None  # type: ignore[misc]
        for change in (
            table.remove("1"), table.enable("1", is_enabled=True), table.rotate_secret("1", "s"),
            table.forget_previous_secret("1"),
        ):  # fmt: skip
            with pytest.raises(AppProviderError, match="there is no app with the id '1' in the table"):
                await change


async def test_a_row_that_is_no_app_is_refused_before_it_is_written(database: Database) -> None:
    async with opened(database, "rows") as (apps, table):
        await table.init()
        with pytest.raises(AppRowError, match="key: found 'a b'"):
            await table.add("9", "a b", "hush-hush", {})
        with pytest.raises(AppRowError, match=r"options: found 'pings'; allowed: .*ping_interval_s"):
            await table.add("9", "k", "hush-hush", {"pings": 1})
        assert await apps.find_by_id("9") is None  # type: ignore[misc]


async def test_names_are_compared_exactly_and_strange_ones_ask_nobody(database: Database) -> None:
    async with opened(database, "names") as (apps, table):
        await table.init()
        await table.add("Case", "CaseKey", "s", {})
        assert await apps.find_by_key("CaseKey") is not None  # type: ignore[misc]
        for key in ("casekey", "CASEKEY"):  # equal in MySQL
            assert await apps.find_by_key(key) is None  # type: ignore[misc]
        for key in ("CaseKey ", "a\0b", "x" * 256, "\udc80", "' OR 1=1 --", ""):
            assert apps.find_by_key(key) is None
        assert await apps.find_by_key("'OR'1'='1") is None  # type: ignore[misc]
        await table.remove("Case")


async def test_soketis_table_as_it_is_and_with_our_columns(database: Database) -> None:
    async with opened(database, "soketi") as (apps, table):
        create = SOKETI.get(apps.engine.dialect.name, SOKETI["postgresql"])
        quoted = apps.engine.dialect.identifier_preparer.quote("key")
        async with apps.engine.begin() as connection:
            await connection.execute(sa.text(create))
            await connection.execute(
                sa.text(
                    f"INSERT INTO soketi (id, {quoted}, secret, max_connections, enabled, enable_client_messages, "
                    "max_backend_events_per_sec, max_client_events_per_sec, max_read_req_per_sec, webhooks) "
                    "VALUES ('a', 'ka', 's', 200, 1, 0, -1, 7, -1, :webhooks)"
                ),
                {"webhooks": WEBHOOKS},
            )
        expected = App(
            id="a", key="ka", secret="s", max_connections=200, accept_client_events_from="none",
            limits=AppLimits(max_client_events_per_second=7),
            webhooks=(WebhookTarget(url="https://example.com/hook", events=("client_event",)),),
        )  # fmt: skip
        assert await apps.find_by_key("ka") == expected  # type: ignore[misc]
        await table.enable("a", is_enabled=False)
        with pytest.raises(AppProviderError, match="has no column previous_secret: revurb apps init adds it"):
            await table.rotate_secret("a", "new")
        await table.add("b", "kb", "s", {})
        with pytest.raises(AppProviderError, match="no column options"):
            await table.add("c", "kc", "s", {"ping_interval_s": 5})
        assert await table.init() == ["added the column previous_secret", "added the column options"]
        await table.rotate_secret("a", "new")
        app = await apps.find_by_id("a")  # type: ignore[misc]
        assert (app.secret, app.previous_secret, app.is_enabled) == ("new", "s", False)


async def test_ids_that_are_integers(database: Database) -> None:
    async with opened(database, "numbers") as (apps, _):
        quoted = apps.engine.dialect.identifier_preparer.quote("key")
        async with apps.engine.begin() as connection:
            await connection.execute(
                sa.text(f"CREATE TABLE numbers (id INTEGER, {quoted} VARCHAR(9), secret VARCHAR(9))")
            )
            await connection.execute(sa.text("INSERT INTO numbers VALUES (7, 'k', 's')"))
        app = App(id="7", key="k", secret="s")
        assert await apps.find_by_key("k") == app  # type: ignore[misc]
        if apps.engine.dialect.name == "postgresql":  # which compares no integer with a text
            with pytest.raises(sa.exc.SQLAlchemyError):
                await apps.find_by_id("7")  # type: ignore[misc]
            return
        assert await apps.find_by_id("7") == app  # type: ignore[misc]
        for strange in ("07", "7x", "7.0"):
            assert await apps.find_by_id(strange) is None  # type: ignore[misc]
