"""`revurb apps` on a database, on configured apps and on a provider, beside real servers."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from revurb.apps import App
from tests.cli.conftest import Project
from tests.cli.local import run
from tests.client import api, connect
from tests.processes.serving import serving

URL = "sqlite+aiosqlite:///apps.db"


@pytest.fixture
def database(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    project.write(".env", "")
    monkeypatch.setenv("REVURB_APP_DATABASE", URL)
    return project


def rows(project: Project) -> list[dict[str, object]]:
    found = json.loads(project.run("apps", "list", "--json").output)
    assert isinstance(found, list)
    return found


def test_keys_and_secrets_for_programs(database: Project) -> None:
    database.run("apps", "init")
    added = json.loads(database.run("apps", "add", "shop", "--json").stdout)
    assert (added["id"], len(added["key"]), len(added["secret"])) == ("shop", 20, 40)
    rotated = json.loads(database.run("apps", "rotate-secret", "shop", "--json").stdout)
    assert rotated["id"] == "shop"
    assert rotated["secret"] != added["secret"]


def test_the_life_of_an_app(database: Project) -> None:
    missing = database.run("apps", "add", "shop")
    assert (missing.exit_code, missing.output) == (
        1,
        "Error: there is no table apps: revurb apps init makes it\n",
    )
    assert database.run("apps", "init").output == "made the table apps\n"
    assert database.run("apps", "init").output == "The table is there already\n"
    added = database.run(
        "apps", "add", "shop", "--key", "shop-key", "--option", 'allowed_origins=["a.example"]'
    )
    first = re.fullmatch(
        r"id shop\nkey shop-key\nsecret ([0-9a-f]{40})\n"
        r"revurb: no server was told: revurb apps reload does it, or they read it within 60 s\n",
        added.output,
    )
    assert first is not None, added.output
    row = {
        "id": "shop", "key": "shop-key", "is_enabled": True, "has_previous_secret": False,
        "allowed_origins": ["a.example"], "problem": None,
    }  # fmt: skip
    assert rows(database) == [row]
    rotated = database.run("apps", "rotate-secret", "shop")
    second = re.match(r"secret ([0-9a-f]{40})\n", rotated.output)
    assert second is not None
    assert second[1] != first[1]
    assert database.run("apps", "disable", "shop").output.startswith("App shop is disabled\n")
    assert rows(database) == [{**row, "has_previous_secret": True, "is_enabled": False}]
    listed = database.run("apps", "list").output
    assert "two secrets" in listed
    assert "disabled" in listed
    assert first[1] not in listed
    assert second[1] not in listed
    assert database.run("apps", "enable", "shop").exit_code == 0
    finished = database.run("apps", "rotate-secret", "shop", "--finish").output
    assert finished.startswith("The old secret of app shop is not accepted any more\n")
    assert rows(database) == [row]
    assert database.run("apps", "remove", "shop").output.startswith("App shop is removed\n")
    assert rows(database) == []
    unknown = database.run("apps", "remove", "shop")
    assert (unknown.exit_code, unknown.output) == (
        1,
        "Error: there is no app with the id 'shop' in the table\n",
    )


@pytest.mark.parametrize("given", ["x", "ping_interval_s", "ping_interval_s=[", "=1"])
def test_options_that_are_none(database: Project, given: str) -> None:
    database.run("apps", "init")
    result = database.run("apps", "add", "shop", "--option", given)
    assert result.exit_code != 0
    assert "option" in result.output
    assert rows(database) == []


def test_a_database_that_cannot_be_reached(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVURB_APP_DATABASE", "postgresql://me:hush-hush@127.0.0.1:1/apps")
    for verb in ("list", "init"):
        result = project.run("apps", verb)
        assert result.exit_code == 1
        assert result.output.splitlines()[-1].startswith("Error: postgresql://me:...@127.0.0.1:1/apps: ")


def test_apps_that_are_elsewhere_are_listed_and_not_changed(project: Project) -> None:
    assert [row["id"] for row in rows(project)] == ["1"]
    result = project.run("apps", "disable", "1")
    assert (result.exit_code, result.output) == (
        1,
        "Error: the apps are in .env: edit them there, then: revurb restart (or set REVURB_APP_DATABASE)\n",
    )
    project.write("my_apps.py", "class None_:\n    find_by_id = find_by_key = None\n")
    project.add(REVURB_APP_PROVIDER="my_apps:None_")
    result = project.run("apps", "add", "2")
    assert result.output.splitlines()[-1] == (
        "Error: the apps are found by my_apps:None_: change them where it has them, then: revurb apps reload"
    )


def test_a_provider_that_cannot_list_its_apps(project: Project) -> None:
    code = (
        "class Broken:\n    find_by_id = find_by_key = print\n    def all(self): raise OSError('no route')\n"
    )
    project.write("my_apps.py", code)
    project.add(REVURB_APP_PROVIDER="my_apps:Broken")
    result = project.run("apps", "list")
    assert (result.exit_code, result.output) == (1, "Error: my_apps:Broken: OSError: no route\n")
    project.add(REVURB_APP_PROVIDER="my_apps:Missing")
    result = project.run("apps", "list")
    assert result.exit_code == 1
    assert "my_apps has" in result.output


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_running_server_is_told(
    database: Project, workers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.run("apps", "init")
    added = database.run("apps", "add", "shop", "--key", "shop-key").output
    app = App(id="shop", key="shop-key", secret=added.split("secret ")[1][:40])
    with serving(tmp_path, "--workers", workers, environment={"REVURB_APP_DATABASE": URL}) as server:
        monkeypatch.setenv("REVURB_RUNTIME_DIR", str(server.runtime_dir))
        nodes = "1 node reads" if workers == "1" else "2 nodes read"

        async def use_it() -> None:
            clients = [connect(server.port, "shop-key") for _ in range(6)]
            opened = [await client.__aenter__() for client in clients]
            assert (await api(server.port, app, "GET", "/channels")).status == 200
            result = await asyncio.to_thread(database.run, "apps", "disable", "shop")
            assert result.output == f"App shop is disabled\n{nodes} app shop again\n"
            for client in opened:
                await client.expect_error(4003)
                assert await client.closed() == 4003
            assert (await api(server.port, app, "GET", "/channels")).status == 403
            await asyncio.to_thread(database.run, "apps", "enable", "shop")
            async with connect(server.port, "shop-key"):
                assert (await api(server.port, app, "GET", "/channels")).status == 200
                rotated = await asyncio.to_thread(database.run, "apps", "rotate-secret", "shop")
                new = App(id="shop", key="shop-key", secret=rotated.output.split()[1])
                for signer in (app, new):
                    assert (await api(server.port, signer, "GET", "/channels")).status == 200

        asyncio.run(use_it())
        assert run(server.runtime_dir, "apps", "reload").output == f"{nodes} all apps again\n"
        assert app.secret not in server.output


def test_nobody_to_tell(project: Project) -> None:
    result = project.run("apps", "reload")
    assert result.exit_code == 1
    assert "no server is running" in result.output


@pytest.mark.parametrize("workers", ["1", "2"])
def test_configured_apps_are_not_said_to_be_read_again(
    project: Project, workers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path, "--workers", workers) as server:
        monkeypatch.setenv("REVURB_RUNTIME_DIR", str(server.runtime_dir))
        result = project.run("apps", "reload")
    assert result.exit_code == 1
    assert "no node looks its apps up" in result.output
