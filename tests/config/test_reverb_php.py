"""What Laravel's `config/reverb.php` sets, and where that is not what is set here."""

from __future__ import annotations

from operator import attrgetter
from pathlib import Path

import pytest

from revurb.config.php_array import parse_php_array
from revurb.config.reverb_php import APP_PATHS, SERVER_PATHS, ReverbPhp, read_reverb_php
from tests.config.project import APP, Project

STOCK = Path(__file__).parent / "laravel" / "reverb.php"
IGNORED = {
    "pulse_ingest_interval",
    "telescope_ingest_interval",
    "options.host",
    "options.port",
    "options.scheme",
    "options.useTLS",
}


def read(text: str, environ: dict[str, str] | None = None) -> ReverbPhp:
    return read_reverb_php(parse_php_array(text), (APP if environ is None else environ).get)


def differences(
    project: Project, old: str = "", new: str = "", environ: dict[str, str] | None = None
) -> list[str]:
    """Those of Reverb's own file with one change."""
    text = STOCK.read_text()
    assert old in text
    config = project.load(environ)
    found = read(text.replace(old, new, 1) if old else text, {**APP, **(environ or {})})
    values = {option.setting.key: attrgetter(option.setting.key)(config) for option in found.server}
    return list(found.differences(values, config.provenance, config.apps, "revurb.toml"))


def test_all_that_the_file_of_reverb_has_is_known_or_ignored() -> None:
    array = parse_php_array(STOCK.read_text())

    def paths(node: object, at: str = "") -> set[str]:
        items = getattr(node, "items", None)
        if not isinstance(items, dict) or at == "allowed_origins":
            return {at}
        return {path for key, inner in items.items() for path in paths(inner, f"{at}.{key}".lstrip("."))}

    assert paths(array.find("servers.reverb")) <= SERVER_PATHS.keys() | IGNORED
    assert paths(array.find("apps.apps.0")) == APP_PATHS.keys() | {path for path in IGNORED if "." in path}


def test_the_file_of_reverb_sets_nothing_otherwise(project: Project) -> None:
    assert differences(project) == []
    assert differences(project, environ={"REVERB_SERVER_PORT": "9000", "REVERB_SERVER_PATH": "ws/"}) == []


@pytest.mark.parametrize(
    ("old", "new", "difference"),
    [
        ("env('REVERB_SERVER_PORT', 8080)", "9000", "server.port is 9000, here 8080 (default)"),
        ("env('REVERB_SERVER_PORT', 8080)", "'9000'", "server.port is 9000, here 8080 (default)"),
        ("10_000),\n            'scaling", "20_000),\n            'scaling",
         "limits.max_request_size_bytes is 20000, here 10000 (default)"),
        ("'tls' => []", "'tls' => ['local_cert' => 'a.pem']", "tls.cert is 'a.pem', here none (default)"),
        ("['*']", "['a.com', '*.b.com']", "apps.1.allowed_origins is a.com, *.b.com, here * (default)"),
        ("['*']", "['https://a.com']",
         "apps.1.allowed_origins is ['https://a.com'], which is not allowed here: 'https://a.com' matches no page, as "
         "the host name alone is compared; 'a.com' may be meant"),
        ("['*']", "Origins::all()", "apps.1.allowed_origins cannot be read (line 43: Origins::all())"),
        ("env('REVERB_APP_ID')", "'shop'", "app 'shop' is not served here"),
        ("env('REVERB_APP_ID')", "App::id()", "app number 0 is not served here"),
        ("env('REVERB_APP_SECRET')", "'other-hush'",
         "apps.1.secret is another one than here (environment (REVERB_APP_SECRET))"),
        ("env('REVERB_APP_SECRET')", "'hush' . 'x'", "apps.1.secret cannot be read (line 35)"),
        ("env('REVERB_APP_RATE_LIMITING_ENABLED', false)", "true",
         "apps.1.rate_limit.enabled is true, here false (default)"),
        ("'provider' => 'config'", "'provider' => 'database'",
         "apps.provider is not config: REVURB_APP_PROVIDER names a class that finds apps here"),
        ("env('REVERB_APP_MAX_CONNECTIONS')", "100", "apps.1.max_connections is 100, here none (default)"),
    ],
)  # fmt: skip
def test_a_change_is_a_difference(project: Project, old: str, new: str, difference: str) -> None:
    assert differences(project, old, new) == [difference]


def test_numbers_of_a_rate_limit_that_is_off_are_none(project: Project) -> None:
    assert differences(project, "ATTEMPTS', 60", "ATTEMPTS', 90") == []


def test_what_a_flag_or_the_file_sets_is_a_decision(project: Project) -> None:
    project.write("revurb.toml", "[server]\nport = 7000\n")
    assert differences(project, "env('REVERB_SERVER_PORT', 8080)", "9000") == []


def test_the_server_that_runs_by_default() -> None:
    text = "<?php return ['default' => env('WHICH', 'a'), 'servers' => ['a' => ['port' => 1], 'b' => ['port' => 2]]];"
    assert [option.value for option in read(text).server] == [1]
    assert [option.value for option in read(text, {"WHICH": "b"}).server] == [2]
