from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence

import pytest

from revurb.apps import App, FixedApps
from revurb.webhooks import target_book
from revurb.webhooks.app_targets import TargetRoute
from revurb.webhooks.kept_request import KeptRequest, encode_kept
from revurb.webhooks.sender import WebhookSender
from revurb.webhooks.sending_turn import SendingLimits
from revurb.webhooks.target_book import NotedApps, TargetBook
from tests.webhooks.receiver import MemoryQueue, app_with, occupied, receiving, until

URL = "https://example.com/hook"


class Provider:
    """Finds apps, at once or later, and fails as often as it is told to."""

    def __init__(self, *apps: App, is_slow: bool) -> None:
        self.apps = {app.id: app for app in apps}
        self.is_slow = is_slow
        self.failing = 0
        self.asked: list[str] = []

    def find_by_id(self, app_id: str) -> App | Awaitable[App | None] | None:
        self.asked.append(app_id)
        if self.failing:
            self.failing -= 1
            raise RuntimeError("the database is gone")
        found = self.apps.get(app_id)
        return self._later(found) if self.is_slow else found

    def find_by_key(self, key: str) -> App | Awaitable[App | None] | None:
        return self.find_by_id(key.removeprefix("key-"))

    def all(self) -> Sequence[App]:
        return list(self.apps.values())

    async def _later(self, app: App | None) -> App | None:
        await asyncio.sleep(0)
        return app


def test_targets_of_configured_apps_are_known() -> None:
    plain = App(id="2", key="k2", secret="s")
    book = TargetBook(FixedApps([app_with(URL), plain]))
    assert book.has_targets
    assert list(book.wanted) == ["1"]
    assert book.unknown(["3"]) == ()
    assert not TargetBook(FixedApps([plain])).wanted


async def test_what_a_provider_finds_is_noted() -> None:
    for is_slow in (False, True):
        provider = Provider(app_with(URL), is_slow=is_slow)
        book = TargetBook(provider)
        apps = NotedApps(provider, book)
        assert not book.wanted.get("1")
        found = apps.find_by_key("key-1")
        assert isinstance(found, App) is not is_slow
        if found is not None and not isinstance(found, App):
            assert await found is provider.apps["1"]
        assert book.wanted.get("1")
        missing = apps.find_by_id("2")
        assert (await missing if isinstance(missing, Awaitable) else missing) is None
        assert list(apps.all()) == [provider.apps["1"]]


async def test_a_provider_is_asked_again_after_a_minute() -> None:
    now = [0.0]
    provider = Provider(app_with(URL), is_slow=True)
    book = TargetBook(provider, lambda: now[0])
    assert book.unknown(["1", "1", "2"]) == ["1", "2"]
    await book.ask(["1", "2"])
    assert book.unknown(["1"]) == []
    now[0] = 60
    assert book.unknown(["1"]) == ["1"]
    provider.apps["1"] = app_with(f"{URL}/new")
    await book.ask(["1"])
    targets = book.find("1")
    assert targets is not None
    assert targets.routes[0].target.url == f"{URL}/new"
    del provider.apps["1"]
    now[0] = 120
    await book.ask(["1"])
    assert book.find("1") is None
    assert not book.wanted.get("1")


def test_apps_that_were_noted_long_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = Provider(*(app_with(URL, app_id=str(number)) for number in range(3)), is_slow=False)
    book = TargetBook(provider)
    monkeypatch.setattr(target_book, "MAX_NOTED_APPS", 2)
    for app_id in ("0", "1", "0", "2"):
        book.note(provider.apps[app_id])
    assert [app_id for app_id in "012" if book.find(app_id)] == ["0", "2"]


async def test_the_sender_asks_for_apps_that_it_has_not_seen() -> None:
    """It may be another process than the one with the app's clients."""
    queue = MemoryQueue()
    async with receiving() as receiver:
        for is_slow in (False, True):
            provider = Provider(app_with(receiver.url), is_slow=is_slow)
            sender = WebhookSender(provider, allow_private=True)
            sender.start(queue)
            queue.begin(sender)
            queue.tell(occupied("a"), occupied("b", "gone"), occupied("c"))
            await until(lambda: not queue.facts and not queue.kept)
            await sender.stop(0)
    assert [event["channel"] for event in receiver.events] == ["a", "c"] * 2


async def test_facts_wait_until_it_is_known_what_an_earlier_sender_has_sent() -> None:
    queue = MemoryQueue()
    async with receiving() as receiver:
        provider = Provider(app_with(receiver.url), is_slow=True)
        (target,) = provider.apps["1"].webhooks
        over = KeptRequest("id", "1", TargetRoute.of(provider.apps["1"], target).id, 0, ("f1",), None)
        queue.tell(occupied("a"), occupied("b"))
        queue.kept = {over.name: encode_kept(over)}
        sender = WebhookSender(provider, allow_private=True)
        sender.start(queue)
        queue.begin(sender)
        await until(lambda: not queue.facts and not queue.kept)
        await sender.stop(0)
    assert [event["channel"] for event in receiver.events] == ["b"]


async def test_a_provider_that_fails_is_asked_again_and_what_waits_for_it_is_bounded() -> None:
    queue = MemoryQueue()
    async with receiving() as receiver:
        provider = Provider(app_with(receiver.url), is_slow=False)
        provider.failing = 1
        sender = WebhookSender(provider, allow_private=True, limits=SendingLimits(max_queued_bytes=5000))
        sender.start(queue)
        queue.begin(sender)
        queue.tell(occupied("first"))
        await until(lambda: provider.failing == 0)
        queue.tell(*(occupied(str(number)) for number in range(100)))
        await until(lambda: len(queue.facts) < 15)
        assert not receiver.requests
        await sender.stop(0)
    assert [queued.fact.channel for queued in queue.facts.values()][-1] == "99"
