"""`[[apps]]` tables, the environment's app, and the two together."""

from __future__ import annotations

from typing import Any

import pytest

from revurb.apps import App, RateLimit
from tests.config.project import Project

WHOLE_APP: dict[str, Any] = {"id": "1", "key": "the-key", "secret": "hush-hush"}


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("https://example.com", "'example.com' may be meant"),
        ("localhost:3000", "'localhost' may be meant"),
        ("[::1]:3000", "'[::1]' may be meant"),
        ("a.com;b.com", "'a.com' and 'b.com' may be meant"),
    ],
)
@pytest.mark.parametrize("source", ["REVURB_APP_ALLOWED_ORIGINS", "REVERB_ALLOWED_ORIGINS", "revurb.toml"])
def test_an_origin_that_matches_no_page_ends_the_start(
    project: Project, source: str, given: str, meant: str
) -> None:
    if source == "revurb.toml":
        project.write(source, f'[[apps]]\nid = "1"\nallowed_origins = ["a.com", "{given}"]\n')
        (problem,) = project.problems()
    else:
        (problem,) = project.problems({source: f"a.com,{given}"})
    assert problem.startswith("apps.1.allowed_origins: found ")
    assert source in problem
    assert problem.endswith(f"({given!r} matches no page, as the host name alone is compared; {meant})")


def test_the_identity_has_its_provenance(project: Project) -> None:
    project.write(".env", "REVERB_APP_SECRET=from-file\n")
    config = project.load({"REVERB_APP_SECRET": ""})
    assert config.apps == (App(id="1", key="the-key", secret="from-file"),)
    assert config.provenance["apps.1.id"] == "environment (REVERB_APP_ID)"
    assert config.provenance["apps.1.secret"] == ".env (REVERB_APP_SECRET)"
    assert config.provenance["apps.1.ping_interval"] == "default"


def test_our_name_for_origins_goes_before_the_other(project: Project) -> None:
    both = {"REVURB_APP_ALLOWED_ORIGINS": "ours.com", "REVERB_ALLOWED_ORIGINS": "theirs.com"}
    assert project.load(both).apps[0].allowed_origins == ("ours.com",)


def test_a_rate_limit_from_names(project: Project) -> None:
    given = {
        "REVERB_APP_RATE_LIMITING_ENABLED": "true",
        "REVERB_APP_RATE_LIMIT_MAX_ATTEMPTS": "5",
        "REVERB_APP_RATE_LIMIT_DECAY_SECONDS": "6",
        "REVERB_APP_RATE_LIMIT_TERMINATE": "true",
    }
    limit = RateLimit(max_attempts=5, decay_s=6, terminate=True)
    assert project.load(given).apps[0].rate_limit == limit


FULL = """\
[[apps]]
id = "chat"
key = "chat-key"
secret = "chat-secret"
ping_interval = 11
activity_timeout = 12
allowed_origins = ["a.com", "b.com"]
max_message_size = 13
max_connections = 14
accept_client_events_from = "all"
rate_limit = { max_attempts = 15, decay = 16, terminate = true }

[[apps]]
id = "shop"
key = "shop-key"
secret = "shop-secret"
"""
CHAT = App(
    id="chat",
    key="chat-key",
    secret="chat-secret",
    ping_interval_s=11,
    activity_timeout_s=12,
    allowed_origins=("a.com", "b.com"),
    max_message_size_bytes=13,
    max_connections=14,
    accept_client_events_from="all",
    rate_limit=RateLimit(max_attempts=15, decay_s=16, terminate=True),
)
SHOP = App(id="shop", key="shop-key", secret="shop-secret")


def test_tables(project: Project) -> None:
    project.write("revurb.toml", FULL)
    config = project.load(app=False)
    assert config.apps == (CHAT, SHOP)
    assert config.provenance["apps.chat.rate_limit.decay"] == "revurb.toml"
    assert config.provenance["apps.shop.rate_limit.enabled"] == "default"


def test_an_app_of_the_environment_is_one_more(project: Project) -> None:
    project.write("revurb.toml", FULL)
    config = project.load({"REVERB_APP_PING_INTERVAL": "99"})
    assert config.apps == (CHAT, SHOP, App(**WHOLE_APP, ping_interval_s=99))


@pytest.mark.parametrize(
    ("environ", "changed"),
    [
        ({}, {}),
        ({"REVERB_APP_SECRET": "new"}, {"secret": "new"}),
        ({"REVERB_APP_KEY": "new"}, {"key": "new"}),
        ({"REVERB_APP_PING_INTERVAL": "99"}, {"ping_interval_s": 99}),
        ({"REVERB_APP_MAX_CONNECTIONS": "null"}, {"max_connections": None}),
        ({"REVERB_APP_MAX_CONNECTIONS": ""}, {}),
        ({"REVERB_APP_RATE_LIMITING_ENABLED": "false"}, {"rate_limit": None}),
        (
            {"REVERB_APP_RATE_LIMIT_MAX_ATTEMPTS": "99"},
            {"rate_limit": RateLimit(max_attempts=99, decay_s=16, terminate=True)},
        ),
    ],
)
def test_an_app_of_the_environment_overrides_the_table_with_its_id(
    project: Project, environ: dict[str, str], changed: dict[str, Any]
) -> None:
    project.write("revurb.toml", FULL)
    config = project.load({"REVERB_APP_ID": "chat", **environ}, app=False)
    expected = {name: getattr(CHAT, name) for name in App.__dataclass_fields__} | changed
    assert config.apps == (App(**expected), SHOP)


@pytest.mark.parametrize(
    ("table", "limit"),
    [
        ("{}", RateLimit()),
        ("{ max_attempts = 5 }", RateLimit(max_attempts=5)),
        ("{ enabled = true }", RateLimit()),
        ("{ enabled = false, max_attempts = 5 }", None),
    ],
)
def test_a_rate_limit_table_is_a_rate_limit(project: Project, table: str, limit: RateLimit | None) -> None:
    project.write("revurb.toml", f'[[apps]]\nid = "a"\nkey = "k"\nsecret = "s"\nrate_limit = {table}\n')
    assert project.load(app=False).apps[0].rate_limit == limit


@pytest.mark.parametrize(
    ("toml", "problem"),
    [
        (
            'id = "a"\nkey = "k"\nsecret = "s"\nping_intervall = 5',
            'apps.a.ping_intervall: unknown key, found in revurb.toml; did you mean "ping_interval"?',
        ),
        (
            'id = "a"\nkey = "k"\nsecret = "s"\nrate_limit = { attempts = 5 }',
            "apps.a.rate_limit.attempts: unknown key, found in revurb.toml; "
            'did you mean "rate_limit.max_attempts"?',
        ),
        (
            'id = "a"\nkey = "k"\nsecret = "s"\nrate_limit = 60',
            "apps.a.rate_limit: found no table in revurb.toml; allowed: a table",
        ),
        (
            'id = "a"\nkey = "k"\nsecret = "s"\nping_interval = 0',
            "apps.a.ping_interval: found 0 in revurb.toml; allowed: an integer of 1 or more",
        ),
        (
            'id = "a"\nkey = "k"\nsecret = "s"\nallowed_origins = "a.com"',
            "apps.a.allowed_origins: found 'a.com' in revurb.toml; "
            'allowed: host names, "*" stands for any part: a list, or separated by commas in the environment',
        ),
        (
            'key = "k"\nsecret = "s"',
            "apps[0].id: not set; allowed: id in its table, since an app has an id, a key and a secret",
        ),
        (
            'id = 5\nkey = "k"\nsecret = "s"',
            "apps[0].id: found 5 in revurb.toml; allowed: a text without spaces and / ? # % :",
        ),
        (
            'id = "a"\nkey = "k:k"\nsecret = "s"',
            "apps.a.key: found 'k:k' in revurb.toml; allowed: a text without spaces and / ? # % :",
        ),
    ],
)
def test_what_is_wrong_with_a_table(project: Project, toml: str, problem: str) -> None:
    project.write("revurb.toml", f"[[apps]]\n{toml}\n")
    assert project.problems(app=False) == (problem,)


@pytest.mark.parametrize("toml", ["apps = 5", "apps = [1]", "[apps]\nid = 'a'"])
def test_apps_must_be_tables(project: Project, toml: str) -> None:
    project.write("revurb.toml", toml)
    assert project.problems() == ("apps: found no tables in revurb.toml; allowed: [[apps]] tables",)


def test_two_apps_with_the_same_id_or_key(project: Project) -> None:
    app = '[[apps]]\nid = "{}"\nkey = "{}"\nsecret = "s"\n'
    project.write("revurb.toml", app.format("a", "k") + app.format("a", "k") + app.format("b", "k"))
    assert project.problems(app=False) == (
        "apps: found 2 apps with the id 'a'; allowed: one",
        "apps: found 3 apps with the key 'k'; allowed: one",
    )


@pytest.mark.parametrize("missing", ["REVERB_APP_KEY", "REVERB_APP_SECRET"])
def test_a_half_given_app(project: Project, missing: str) -> None:
    option = missing.removeprefix("REVERB_APP_").lower()
    assert project.problems({missing: ""}) == (
        f"apps.1.{option}: not set; allowed: {missing} with REVERB_APP_ID, "
        "since an app has an id, a key and a secret",
    )


@pytest.mark.parametrize(
    ("name", "text"), [("REVERB_APP_KEY", "k"), ("REVERB_APP_SECRET", "s"), ("REVERB_APP_PING_INTERVAL", "x")]
)
def test_parts_of_an_app_without_an_id(project: Project, name: str, text: str) -> None:
    project.write("revurb.toml", FULL)
    assert project.problems({name: text}, app=False) == (
        f"REVERB_APP_ID: not set, but found environment ({name}); "
        "allowed: REVERB_APP_ID, REVERB_APP_KEY and REVERB_APP_SECRET together",
    )


def test_parts_that_say_nothing_are_not_parts(project: Project) -> None:
    project.write("revurb.toml", FULL)
    config = project.load({"REVERB_APP_MAX_CONNECTIONS": "null", "REVERB_APP_KEY": ""}, app=False)
    assert config.apps == (CHAT, SHOP)


def test_a_bad_id_is_said_once(project: Project) -> None:
    assert project.problems({"REVERB_APP_ID": "a/b"}) == (
        "apps.id: found 'a/b' in environment (REVERB_APP_ID); allowed: a text without spaces and / ? # % :",
    )


def test_a_problem_with_the_environments_app_names_it(project: Project) -> None:
    assert project.problems({"REVERB_APP_PING_INTERVAL": "soon"}) == (
        "apps.1.ping_interval: found 'soon' in environment (REVERB_APP_PING_INTERVAL); "
        "allowed: an integer of 1 or more",
    )
