from __future__ import annotations

import pickle
from typing import Any

import pytest

from revurb.apps import App, WebhookTarget
from revurb.apps.webhook_target import WEBHOOK_EVENTS, shown_url
from revurb.pusher import facts

URL = "https://example.com/webhooks"


def test_the_events_are_those_that_facts_are_made_of() -> None:
    assert set(WEBHOOK_EVENTS) == {
        facts.CHANNEL_OCCUPIED,
        facts.CHANNEL_VACATED,
        facts.MEMBER_ADDED,
        facts.MEMBER_REMOVED,
        facts.CLIENT_EVENT,
        facts.CACHE_MISS,
        facts.SUBSCRIPTION_COUNT,
    }


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "https://example.com:8443/a/b?c=d",
        "http://[2606:4700::1]/x",
        "http://127.0.0.1:1/",
    ],
)
def test_urls_to_which_a_request_can_be_sent(url: str) -> None:
    assert WebhookTarget(url=url).url == url


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "found ''"),
        ("example.com/webhooks", "found 'example.com/webhooks'"),
        ("ftp://example.com", "found 'ftp://example.com'"),
        ("https://", "found 'https://'"),
        ("https:///path", "found"),
        ("https://example.com:0", "port is 0"),
        ("https://example.com:99999", "no URL"),
        ("https://[::1", "no URL"),
        ("https://exa mple.com", "escape"),
        ("https://example.com/\n", "escape"),
        ("https://bücher.example", "escape"),
        ("https://example.com/#part", "never sent"),
        ("https://user:hush@example.com/", "Authorization"),
    ],
)
def test_other_urls_are_refused(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=r"WebhookTarget\.url") as caught:
        WebhookTarget(url=url)
    assert reason in str(caught.value)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        ({"url": 7}, TypeError, "WebhookTarget.url: found int"),
        ({"events": "member_added"}, TypeError, "WebhookTarget.events"),
        ({"events": ("member_joined",)}, ValueError, "found 'member_joined'; allowed: channel_occupied"),
        ({"channels": ("",)}, ValueError, "WebhookTarget.channels"),
        ({"channels": ("\ud800",)}, ValueError, "WebhookTarget.channels"),
        ({"headers": [("a", "b")]}, TypeError, "WebhookTarget.headers: found list"),
        ({"headers": {"a b": "hush"}}, ValueError, "no name of a header"),
        ({"headers": {"Host": "hush"}}, ValueError, "the server writes itself"),
        ({"headers": {"x-pusher-key": "hush"}}, ValueError, "the server writes itself"),
        ({"headers": {"A": "hush\r\nB: c"}}, ValueError, "printable ASCII"),
        ({"headers": {"A": "hush" * 2000}}, ValueError, "more than 4096"),
        ({"headers": {"A": 7}}, ValueError, "A is int"),
        ({"headers": {"A": "hush", "a": "hush"}}, ValueError, "twice"),
        ({"headers": {f"a{number}": "hush" for number in range(51)}}, ValueError, "at most 50"),
        ({"batch_ms": -1}, ValueError, "from 0 to 60000"),
        ({"batch_ms": 60_001}, ValueError, "from 0 to 60000"),
        ({"batch_ms": True}, TypeError, "an integer"),
        ({"batch_ms": 0.5}, TypeError, "an integer"),
    ],
)
def test_wrong_fields_are_refused(fields: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error) as caught:
        WebhookTarget(**{"url": URL, **fields})
    assert words in str(caught.value)
    assert "hush" not in str(caught.value)


def test_lists_become_tuples_and_headers_are_copied() -> None:
    headers = {"Authorization": "Bearer hush"}
    target = WebhookTarget(url=URL, events=["member_added"], channels=["chat-*"], headers=headers)  # type: ignore[arg-type]
    headers["Other"] = "x"
    assert (target.events, target.channels) == (("member_added",), ("chat-*",))
    assert dict(target.headers) == {"Authorization": "Bearer hush"}
    assert "hush" not in repr(target)
    assert pickle.loads(pickle.dumps(target)) == target
    assert hash(target) == hash(WebhookTarget(url=URL, events=("member_added",), channels=("chat-*",)))


def test_the_value_of_a_query_is_not_shown() -> None:
    assert WebhookTarget(url=f"{URL}?token=hush").shown_url == f"{URL}?..."
    assert shown_url(URL) == URL
    assert shown_url("https://me:hush@example.com/@a?b") == "https://...@example.com/@a?..."
    assert shown_url("https://example.com/@a") == "https://example.com/@a"


@pytest.mark.parametrize(
    "url",
    [
        "https://me:hush@example.com/a b",
        "https://me:hush@example.com/ä",
        "https://me:hush@example.com/",
        "https://me:hush@example.com:0/",
        "https://me:hush@example.com:99999/",
        "ftp://me:hush@example.com/",
        "me:hush@example.com",
        "example.com/?token=hush",
        "https://example.com/a b?token=hush",
    ],
)
def test_an_error_has_no_secret_of_a_url(url: str) -> None:
    with pytest.raises(ValueError, match=r"WebhookTarget\.url: found ") as caught:
        WebhookTarget(url=url)
    assert "hush" not in str(caught.value)


def test_an_app_takes_targets_alone_and_each_once() -> None:
    target = WebhookTarget(url=URL)
    app = App(id="1", key="k", secret="s", webhooks=[target])  # type: ignore[arg-type]
    assert app.webhooks == (target,)
    with pytest.raises(TypeError, match=r"App\.webhooks: found str in it; allowed: a tuple of WebhookTarget"):
        App(id="1", key="k", secret="s", webhooks=(URL,))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"App\.webhooks: found WebhookTarget; allowed"):
        App(id="1", key="k", secret="s", webhooks=target)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"App\.webhooks: found two targets with .* the same events"):
        App(id="1", key="k", secret="s", webhooks=(target, WebhookTarget(url=URL, batch_ms=0)))
    other = WebhookTarget(url=URL, events=("cache_miss",))
    assert App(id="1", key="k", secret="s", webhooks=(target, other)).webhooks == (target, other)
