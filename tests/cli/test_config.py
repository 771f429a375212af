"""`revurb config`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from revurb.config import MASK
from revurb.config.reference import reference
from tests.cli.conftest import Project


class TestShow:
    def lines(self, output: str) -> dict[str, tuple[str, str]]:
        found = {}
        for line in output.splitlines()[1:]:
            key, value, *source = line.split()
            found[key] = (value, " ".join(source))
        return found

    def test_a_line_is_key_value_and_source(self, project: Project) -> None:
        project.write("revurb.toml", "[limits]\ncache_ttl_s = 60\n")
        project.add(REVURB_APP_ALLOWED_ORIGINS="a.com")
        result = project.run("config", "show", "--port", "7000", "--debug")
        assert result.exit_code == 0
        assert result.output.split()[:3] == ["Key", "Value", "Source"]
        lines = self.lines(result.output)
        assert lines["server.port"] == ("7000", "--port")
        assert lines["log.debug"] == ("true", "--debug")
        assert lines["limits.cache_ttl_s"] == ("60", "revurb.toml")
        assert lines["server.path"] == ('""', "default")
        assert lines["server.hostname"] == ("none", "default")
        assert lines["server.unix_socket_mode"] == ("0660", "default")
        assert lines["apps.1.key"] == ("the-key", ".env (REVERB_APP_KEY)")
        assert lines["apps.1.secret"] == (MASK, ".env (REVERB_APP_SECRET)")
        assert lines["apps.1.allowed_origins"] == ("a.com", ".env (REVURB_APP_ALLOWED_ORIGINS)")

    def test_no_line_is_folded_when_it_goes_to_a_file(self, project: Project) -> None:
        long = "x" * 300
        project.add(REVERB_HOST=long)
        assert f" {long} " in project.run("config", "show").output

    def test_markup_in_a_value_is_text(self, project: Project) -> None:
        project.add(REVERB_HOST="[bold]x[/bold]")
        assert "[bold]x[/bold]" in project.run("config", "show").output

    def test_targets_of_webhooks(self, project: Project) -> None:
        project.add(REVURB_APP_WEBHOOK_URL="https://example.com/hook?token=hush")
        result = project.run("config", "show")
        lines = [line.split()[:2] for line in result.stdout.splitlines() if ".webhooks[" in line]
        assert lines == [
            ["apps.1.webhooks[0].url", "https://example.com/hook?..."],
            ["apps.1.webhooks[0].events", "none"],
            ["apps.1.webhooks[0].channels", "none"],
            ["apps.1.webhooks[0].batch_ms", "50"],
        ]

    def test_json(self, project: Project) -> None:
        project.add(REDIS_PASSWORD="hush")
        shown = json.loads(project.run("config", "show", "--json", "--port", "7000").output)
        assert shown["server.port"] == {"value": 7000, "source": "--port"}
        assert shown["server.hostname"] == {"value": None, "source": "default"}
        assert shown["log.debug"] == {"value": False, "source": "default"}
        assert shown["apps.1.allowed_origins"] == {"value": ["*"], "source": "default"}
        assert shown["apps.1.secret"]["value"] == MASK
        assert shown["scaling.redis.password"] == {"value": MASK, "source": ".env (REDIS_PASSWORD)"}

    def test_what_is_not_usable_is_shown_with_the_problems(self, project: Project) -> None:
        project.add(REVERB_SERVER_PATH="a b", REVURB_TLS_KEY_PASSWORD="' '", REVERB_APP_PING_INTERVAL="soon")
        result = project.run("config", "show", "--port", "x")
        assert result.exit_code == 2
        lines = [line.split(maxsplit=1) for line in result.stdout.splitlines()]
        shown = {key: " ".join(rest.split()) for key, rest in lines}
        assert shown["server.port"] == "'x' --port: not usable"
        assert shown["server.path"] == "'a b' .env (REVERB_SERVER_PATH): not usable"
        assert shown["tls.key_password"] == f"{MASK} .env (REVURB_TLS_KEY_PASSWORD): not usable"
        assert shown["apps.1.ping_interval"] == "'soon' .env (REVERB_APP_PING_INTERVAL): not usable"
        assert shown["server.host"] == "0.0.0.0 .env (REVERB_SERVER_HOST)"
        assert result.stderr.startswith(
            "The configuration cannot be used:\n  server.port: found 'x' in --port;"
        )
        as_json = project.run("config", "show", "--port", "x", "--json")
        assert as_json.exit_code == 2
        assert json.loads(as_json.stdout)["server.port"] == {
            "value": "'x'",
            "source": "--port",
            "usable": False,
        }

    def test_without_an_app_the_rest_is_shown(self, project: Project) -> None:
        project.write(".env", "REVERB_SERVER_PORT=7000\n")
        result = project.run("config", "show")
        assert result.exit_code == 2
        assert self.lines(result.stdout)["server.port"] == ("7000", ".env (REVERB_SERVER_PORT)")
        assert "apps: not set" in result.stderr


class TestCheck:
    def test_ok(self, project: Project) -> None:
        result = project.run("config", "check")
        assert (result.exit_code, result.stdout, result.stderr) == (0, "ok\n", "")

    def test_warnings_do_not_matter_to_the_exit_code(self, project: Project) -> None:
        project.add(REVERB_SERVER_PROT="1")
        result = project.run("config", "check")
        assert (result.exit_code, result.stdout) == (0, "ok\n")
        assert result.stderr == (
            "warning: REVERB_SERVER_PROT: unknown name in .env is ignored; "
            'did you mean "REVERB_SERVER_PORT"?\n'
        )

    def test_every_problem(self, project: Project) -> None:
        project.add(
            REVERB_SERVER_PORT="x", REDIS_URL="http://x", REVERB_SCALING_ENABLED="true", REVERB_APP_SECRET=""
        )
        result = project.run("config", "check")
        assert (result.exit_code, result.stdout) == (2, "")
        assert [line.split()[0] for line in result.stderr.splitlines()] == [
            "The",
            "server.port:",
            "apps.1.secret:",
            "scaling.redis.url:",
        ]

    @pytest.mark.parametrize(("module", "code"), [("from revurb.apps import App", 2), (None, 2)])
    def test_an_app_provider_that_cannot_be_used(
        self, project: Project, module: str | None, code: int
    ) -> None:
        if module is not None:
            project.write("bare_provider.py", module)
        project.add(REVURB_APP_PROVIDER="bare_provider:Apps")
        result = project.run("config", "check")
        assert (result.exit_code, result.stdout) == (code, "")
        assert "app_provider (REVURB_APP_PROVIDER): found 'bare_provider:Apps'" in result.stderr


def test_docs_is_the_reference(project: Project) -> None:
    assert project.run("config", "docs").output == reference()


def test_check_loads_the_hooks(project: Project) -> None:
    project.write("my_hooks_of_a_test.py", "class Hooks:\n    def on_conect(self, connection): ...\n")
    project.add(REVURB_HOOKS="my_hooks_of_a_test:Hooks")
    result = project.run("config", "check")
    assert result.exit_code == 2
    assert 'did you mean "on_connect"?' in result.output


def test_what_is_wrong_for_programs(project: Project) -> None:
    def told(code: int) -> Any:
        result = project.run("config", "check", "--json")
        assert (result.exit_code, result.stderr) == (code, "")
        return json.loads(result.stdout)

    project.add(REVERB_NOTHING="x")
    usable = told(0)
    assert usable["is_usable"] is True
    assert usable["problems"] == []
    assert "REVERB_NOTHING" in usable["warnings"][0]
    project.add(REVERB_SERVER_PORT="x")
    unusable = told(2)
    assert unusable["is_usable"] is False
    assert unusable["problems"][0].startswith("server.port: found 'x'")
