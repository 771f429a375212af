"""`[[apps.webhooks]]` tables, in our words and in soketi's, and the target of the environment."""

from __future__ import annotations

import pytest

from revurb.apps import WebhookTarget
from revurb.config import MASK, option_rows
from tests.config.project import APP_TOML, Project

URL = "https://example.com/hook"
ENV = {"REVURB_APP_WEBHOOK_URL": URL}


def table(*lines: str) -> str:
    return "\n".join((APP_TOML, "[[apps.webhooks]]", *lines, ""))


def targets(project: Project, text: str, environ: dict[str, str] | None = None) -> tuple[WebhookTarget, ...]:
    project.write("revurb.toml", text)
    return project.load(environ, app=False).apps[0].webhooks


def test_tables_are_targets(project: Project) -> None:
    text = table(
        f'url = "{URL}"',
        'events = ["member_added", "member_removed"]',
        'channels = ["presence-*"]',
        'headers = { Authorization = "Bearer hush" }',
        "batch_ms = 0",
        "[[apps.webhooks]]",
        'url = "http://example.org"',
    )
    assert targets(project, text) == (
        WebhookTarget(
            url=URL,
            events=("member_added", "member_removed"),
            channels=("presence-*",),
            headers={"Authorization": "Bearer hush"},
            batch_ms=0,
        ),
        WebhookTarget(url="http://example.org"),
    )


@pytest.mark.parametrize(
    ("inner", "channels"),
    [
        ('channel_name_starts_with = "chat-"', "chat-*"),
        ('channel_name_ends_with = "-room"', "*-room"),
        ('channel_name_starts_with = "a", channel_name_ends_with = "b"', "a*b"),
        ("", "*"),
    ],
)
def test_sokets_words_are_understood(project: Project, inner: str, channels: str) -> None:
    text = table(f'url = "{URL}"', 'event_types = ["cache_miss"]', f"filter = {{ {inner} }}")
    assert targets(project, text) == (WebhookTarget(url=URL, events=("cache_miss",), channels=(channels,)),)


def test_the_environment_adds_one_unless_it_is_there(project: Project) -> None:
    env_app = {"REVERB_APP_ID": "1", **ENV}
    assert targets(project, APP_TOML, env_app) == (WebhookTarget(url=URL),)
    both = targets(project, table(f'url = "{URL}"', 'events = ["cache_miss"]'), env_app)
    assert both == (WebhookTarget(url=URL, events=("cache_miss",)), WebhookTarget(url=URL))
    assert targets(project, table(f'url = "{URL}"', "batch_ms = 7"), env_app) == (
        WebhookTarget(url=URL, batch_ms=7),
    )


def test_the_url_of_the_environment_is_for_its_own_app(project: Project) -> None:
    project.write("revurb.toml", APP_TOML)
    config = project.load(
        {"REVERB_APP_ID": "2", "REVERB_APP_KEY": "two", "REVERB_APP_SECRET": "s", **ENV}, app=False
    )
    assert [app.webhooks for app in config.apps] == [(), (WebhookTarget(url=URL),)]
    (problem,) = project.problems(ENV, app=False)
    assert problem.startswith(
        "REVERB_APP_ID: not set, but found environment (REVURB_APP_WEBHOOK_URL); allowed: REVERB_APP_ID, "
    )


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (
            ("events = []",),
            "apps.1.webhooks[0].events: found [] in revurb.toml; allowed: a list of channel_occupied, channel_vacated, "
            "member_added, member_removed, client_event, cache_miss, subscription_count",
        ),
        (
            ('events = ["member_joined"]',),
            "apps.1.webhooks[0].events: found ['member_joined'] in revurb.toml; allowed: a list of channel_occupied, "
            "channel_vacated, member_added, member_removed, client_event, cache_miss, subscription_count",
        ),
        (
            ("batch_ms = 70000",),
            "apps.1.webhooks[0].batch_ms: found 70000 in revurb.toml; allowed: an integer from 0 to 60000",
        ),
        (
            ('headers = { Host = "hush" }',),
            "apps.1.webhooks[0].headers: found Host, which the server writes itself; allowed: a mapping of texts, such "
            'as {"Authorization": "Bearer ..."}, in revurb.toml',
        ),
        (
            ("headers = { A = 7 }",),
            f"apps.1.webhooks[0].headers: found {MASK} in revurb.toml; allowed: a table of texts, such as "
            '{ Authorization = "Bearer ..." }',
        ),
        (
            ('headers = "hush"',),
            f"apps.1.webhooks[0].headers: found {MASK} in revurb.toml; allowed: a table of texts, such as "
            '{ Authorization = "Bearer ..." }',
        ),
        (
            ('chanels = ["a"]',),
            'apps.1.webhooks[0].chanels: unknown key, found in revurb.toml; did you mean "channels"?',
        ),
        (
            ('event_types = ["cache_miss"]', 'events = ["cache_miss"]'),
            "apps.1.webhooks[0].events: found it and events in revurb.toml; allowed: one of them",
        ),
        (
            ('filter = { channel_name_contains = "a" }',),
            "apps.1.webhooks[0].filter: found channel_name_contains in revurb.toml; allowed: a table with "
            "channel_name_starts_with and channel_name_ends_with",
        ),
        (
            ('filter = "a"',),
            "apps.1.webhooks[0].filter: found no table of texts in revurb.toml; allowed: a table with "
            "channel_name_starts_with and channel_name_ends_with",
        ),
        (
            ("[[apps.webhooks]]", f'url = "{URL}"'),
            "apps.1.webhooks: found two for https://example.com/hook in revurb.toml; allowed: one with these events "
            "and channels",
        ),
    ],
)
def test_what_is_wrong_with_a_table(project: Project, lines: tuple[str, ...], problem: str) -> None:
    project.write("revurb.toml", table(f'url = "{URL}"', *lines))
    assert project.problems(app=False) == (problem,)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            table("batch_ms = 5"),
            "apps.1.webhooks[0].url: not set; allowed: http:// or https:// with a host, such as",
        ),
        (
            table('url = "example.com"'),
            "apps.1.webhooks[0].url: found 'example.com' in revurb.toml; allowed: http://",
        ),
        (
            f'{APP_TOML}webhooks = "{URL}"',
            "apps.1.webhooks: found no tables in revurb.toml; allowed: [[apps.webhooks]]",
        ),
    ],
)
def test_no_target(project: Project, text: str, problem: str) -> None:
    project.write("revurb.toml", text)
    (found,) = project.problems(app=False)
    assert found.startswith(problem)


def test_a_wrong_url_of_the_environment(project: Project) -> None:
    (problem,) = project.problems({"REVURB_APP_WEBHOOK_URL": "ftp://example.com"})
    assert problem.startswith(
        "apps.1.webhooks.url: found 'ftp://example.com' in environment (REVURB_APP_WEBHOOK_URL); allowed: http://"
    )


def test_a_problem_has_no_secret_of_a_url(project: Project) -> None:
    project.write("revurb.toml", table('url = "https://example.com/a b?token=hush"'))
    for problem in project.problems({"REVURB_APP_WEBHOOK_URL": "https://me:hush@example.com/?hush"}):
        assert ".url: found 'https://" in problem
        assert "hush" not in problem


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("http://127.0.0.1:8000/", "loopback"),
        ("http://localhost:8000/", "loopback"),
        ("http://app.localhost/", "loopback"),
        ("https://10.1.2.3/?token=hush", "private"),
        ("http://[::1]/", "loopback"),
        ("http://169.254.169.254/", "link-local"),
    ],
)
def test_an_address_that_is_not_public_has_to_be_allowed(project: Project, url: str, kind: str) -> None:
    environ = {"REVURB_APP_WEBHOOK_URL": url}
    (problem,) = project.problems(environ)
    shown = url.replace("token=hush", "...")
    assert problem == (
        f"apps.1.webhooks[0].url: found {shown!r} in environment (REVURB_APP_WEBHOOK_URL), which is {kind}; allowed: a "
        "public address, or any with webhooks.allow_private (REVURB_WEBHOOKS_ALLOW_PRIVATE=true)"
    )
    assert project.load({**environ, "REVURB_WEBHOOKS_ALLOW_PRIVATE": "true"}).apps[0].webhooks[0].url == url


def test_without_a_client_there_can_be_no_targets(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert project.problems(ENV) == (
        "apps.webhooks: found 1, but no HTTP client to send with; allowed: none, or pip install 'revurb[webhooks]'",
    )
    assert project.load().apps[0].webhooks == ()


def test_targets_are_listed_without_secrets(project: Project) -> None:
    project.write(
        "revurb.toml",
        table(f'url = "{URL}?token=hush"', 'headers = { Authorization = "hush", X-A = "hush" }'),
    )
    rows = {
        row.key.removeprefix("apps.1.webhooks"): (row.value, row.source)
        for row in option_rows(project.load({"REVERB_APP_ID": "1", **ENV}, app=False))
        if ".webhooks[" in row.key
    }
    toml, default = "revurb.toml", "default"
    assert rows == {
        "[0].url": (f"{URL}?...", toml),
        "[0].events": ([], default),
        "[0].channels": ([], default),
        "[0].headers.Authorization": (MASK, toml),
        "[0].headers.X-A": (MASK, toml),
        "[0].batch_ms": (50, default),
        "[1].url": (URL, "environment (REVURB_APP_WEBHOOK_URL)"),
        "[1].events": ([], default),
        "[1].channels": ([], default),
        "[1].batch_ms": (50, default),
    }
