"""What a node does about facts, with a sender that is a recorder; how they are sent is in tests/webhooks."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from revurb import Server
from revurb.apps import App, FixedApps, WebhookTarget
from revurb.bus.local import LocalBus
from revurb.config import ConfigError, WebhooksConfig
from revurb.node import fact_telling
from revurb.node.fact_telling import FactTelling
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.observe.counters import Counters
from revurb.observe.refusal_log import RefusalLog
from revurb.processes.slot import KILL_GRACE_S
from revurb.pusher.dispatch import Dispatch
from revurb.pusher.facts import COUNT_EVENTS, QueuedFact
from revurb.pusher.ports import EnterRequest
from revurb.pusher.registry import Registry
from revurb.webhooks.sender import WebhookSender
from tests.client import connect
from tests.webhooks.receiver import app_with, receiving, until

PLAIN = App(id="1", key="k", secret="s")
COUNTED = App(id="1", key="k", secret="s", subscription_count_events=True)
TOLD = App(id="1", key="k", secret="s", webhooks=(WebhookTarget(url="https://example.com"),))


class Node:
    def __init__(self, app: App) -> None:
        self.registry = Registry()
        self.bus = LocalBus(Dispatch(self.registry), MEMBER_EVENTS)
        self.telling = FactTelling(FixedApps([app]), WebhooksConfig(), Counters(), RefusalLog())
        self.telling.begin(self.bus, self.registry)


async def test_nothing_is_made_where_no_app_wants_anything() -> None:
    node = Node(PLAIN)
    assert node.bus._facts is None
    assert node.registry.state(PLAIN).record is None
    await node.telling.stop()


def test_a_node_without_webhooks_does_not_load_what_sends_them() -> None:
    program = """
import sys
from revurb import App, Server
Server(apps=[App(id="1", key="k", secret="s")], port=0)
sys.exit(any(name.startswith("revurb.webhooks.") for name in sys.modules))
"""
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0


async def test_an_app_may_want_no_more_than_counts() -> None:
    node = Node(COUNTED)
    assert node.bus._facts is not None
    assert node.registry.state(COUNTED).wanted == COUNT_EVENTS
    await node.bus.start()
    await node.telling.stop()


async def test_facts_are_sent_and_the_last_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[object] = []

    def begin(self: WebhookSender, kept: Mapping[str, bytes]) -> None:
        happened.append("begin")

    def take(self: WebhookSender, facts: Sequence[QueuedFact]) -> None:
        happened.extend(each.fact.kind for each in facts)

    async def stop(self: WebhookSender, timeout_s: float, *, is_last: bool = False) -> None:
        happened.append(("stop", is_last))

    monkeypatch.setattr(WebhookSender, "begin", begin)
    monkeypatch.setattr(WebhookSender, "take", take)
    monkeypatch.setattr(WebhookSender, "stop", stop)
    node = Node(TOLD)
    await node.bus.start()
    node.bus.enter(EnterRequest("1", "news", None, b"", False), lambda snapshot: None)
    node.bus.leave("1", "news", None)
    await node.telling.stop()
    await node.telling.stop()
    kinds = ["channel_occupied", "subscription_count", "channel_vacated"]
    assert happened == ["begin", *kinds, ("stop", True)]


def test_a_supervisor_waits_longer() -> None:
    assert fact_telling.LAST_S + fact_telling.STOP_S < KILL_GRACE_S - 1


def test_targets_without_anything_to_send_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revurb.webhooks.sender.has_http_client", lambda: False)
    with pytest.raises(ConfigError, match=r"pip install 'revurb\[webhooks\]'"):
        Node(TOLD)
    Node(PLAIN)


async def test_a_server_sends_with_its_own_options(tmp_path: Path) -> None:
    """Facts of real clients, to a real receiver: who leaves for a moment only is not told, and the last facts are sent
    when the server stops."""
    dead = tmp_path / "dead.jsonl"
    async with receiving() as receiver, receiving() as broken:
        broken.answer = 410
        receivers = app_with(receiver.url, f"{broken.url}?token=hush")
        async with Server(
            apps=[receivers],
            port=0,
            webhooks_allow_private=True,
            webhooks_smoothing_s=30,
            webhooks_dead_letters=dead,
        ) as server:
            async with connect(server.port, receivers.key) as client:
                await client.subscribe("news")
                await until(lambda: receiver.events)
            async with connect(server.port, receivers.key) as client:
                await client.subscribe("news")
                await client.subscribe("other")
                await until(lambda: "other" in {event["channel"] for event in receiver.events})
        told = [(event["name"], event["channel"]) for event in receiver.events]
    assert [pair for pair in told if pair[0] != "subscription_count"] == [
        ("channel_occupied", "news"),
        ("channel_occupied", "other"),
        ("channel_vacated", "news"),
        ("channel_vacated", "other"),
    ]
    letters = [json.loads(line) for line in dead.read_text().splitlines()]
    assert {letter["reason"] for letter in letters} == {"answered 410"}
    assert sum(len(letter["events"]) for letter in letters) == len(told)


async def test_apps_of_a_provider_have_webhooks_too() -> None:
    async with receiving() as receiver:
        known = app_with(receiver.url)

        class Provider:
            async def find_by_id(self, app_id: str) -> App | None:
                return known if app_id == known.id else None

            async def find_by_key(self, key: str) -> App | None:
                return known if key == known.key else None

            def all(self) -> list[App]:
                return []

        async with Server(app_provider=Provider(), port=0, webhooks_allow_private=True) as server:
            async with connect(server.port, known.key) as client:
                await client.subscribe("news")
                await until(lambda: receiver.events)
    assert receiver.events[0] == {"name": "channel_occupied", "channel": "news"}
    assert receiver.events[-1] == {"name": "channel_vacated", "channel": "news"}
