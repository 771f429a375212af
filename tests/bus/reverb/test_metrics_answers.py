"""Questions as PHP nodes ask them, and the answers that they get, against the captured ones."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from revurb.bus.cache import EventCache
from revurb.bus.local_state import LocalState
from revurb.bus.local_view import LocalView
from revurb.bus.reverb.metrics_answers import MetricsAnswers, user_id_json
from revurb.bus.reverb.metrics_messages import MetricsQuestion, new_key, write_answer, write_question
from revurb.bus.reverb.reverb_messages import read
from revurb.pusher.messages import event_text
from revurb.pusher.ports import CachedEvent, ChannelState, Member
from tests.bus.reverb.php_node import captured
from tests.bus.reverb.wording import sent, without_secret

QUESTIONS: list[tuple[str, str, dict[str, Any]]] = [
    ("12-metrics-connections-1", "CONNECTIONS", {}),
    ("13-metrics-channel-1", "CHANNEL", {"channel": "pub", "info": "subscription_count,occupied"}),
    ("14-metrics-channel-presence-1", "CHANNEL", {"channel": "presence-r", "info": "user_count,occupied"}),
    (
        "15-metrics-channel-unoccupied-1",
        "CHANNEL",
        {"channel": "nobody", "info": "subscription_count,occupied"},
    ),
    ("16-metrics-channels-1", "CHANNELS", {"filter": None, "info": None}),
    ("17-metrics-channels-filter-1", "CHANNELS", {"filter": "presence-", "info": "user_count"}),
    (
        "18-metrics-channels-list-2",
        "CHANNELS",
        {"info": "subscription_count,user_count", "channels": ["pub", "presence-r", "nobody"]},
    ),
    ("19-metrics-batch-info-2", "CHANNEL", {"channel": "pub", "info": "subscription_count"}),
    ("20-metrics-channel-users-1", "CHANNEL_USERS", {"channel": "presence-r"}),
    ("22-cache-2", "CHANNEL", {"channel": "cache-z", "info": "subscription_count,cache,occupied"}),
    ("23-metrics-connections-empty-1", "CONNECTIONS", {}),
    ("24-metrics-channels-empty-1", "CHANNELS", {"filter": None, "info": None}),
]


@pytest.mark.parametrize(("name", "kind", "options"), QUESTIONS, ids=[name for name, _, _ in QUESTIONS])
def test_questions_as_php_asks_them(name: str, kind: str, options: dict[str, Any]) -> None:
    asked = read(captured(name))
    assert isinstance(asked, MetricsQuestion)
    assert (asked.app_id, asked.kind) == ("app1", kind)
    listed = {key: dict(enumerate(each)) if isinstance(each, list) else each for key, each in options.items()}
    assert asked.options == listed
    assert list(asked.options) == list(options)
    assert sent(write_question("n1", asked, options)) == without_secret(captured(name))


def test_keys_are_like_phps() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(re.fullmatch("[A-Za-z0-9]{10}", key) for key in keys)


class _Here:
    """What the captured nodes held."""

    def __init__(self, **channels: ChannelState) -> None:
        self._channels = {name.replace("_", "-"): state for name, state in channels.items()}

    def channels_at_once(self, app_id: str, prefix: str) -> dict[str, ChannelState]:
        return {
            name: state
            for name, state in self._channels.items()
            if name.startswith(prefix) and state.subscription_count
        }

    def describe(self, app_id: str, channels: Any) -> list[ChannelState]:
        return [self._channels.get(name, ChannelState()) for name in channels]

    def members(self, app_id: str, channel: str) -> list[Member]:
        return [Member("2", b'"2"', b"null")] if channel == "presence-r" else []

    def connections(self, app_id: str) -> int:
        return 0


CACHED = CachedEvent(event_text("e", '{"v":1}', "cache-z"), 5.0)
BOTH = _Here(pub=ChannelState(1), private_x=ChannelState(1), presence_r=ChannelState(1, 1))


@pytest.mark.parametrize(
    ("question", "answer", "here"),
    [
        ("13-metrics-channel-1", "13-metrics-channel-2", BOTH),
        ("14-metrics-channel-presence-1", "14-metrics-channel-presence-2", BOTH),
        ("15-metrics-channel-unoccupied-1", "15-metrics-channel-unoccupied-2", BOTH),
        ("16-metrics-channels-1", "16-metrics-channels-2", BOTH),
        ("17-metrics-channels-filter-1", "17-metrics-channels-filter-2", BOTH),
        ("18-metrics-channels-list-2", "18-metrics-channels-list-3", BOTH),
        ("19-metrics-batch-info-2", "19-metrics-batch-info-3", BOTH),
        ("20-metrics-channel-users-1", "20-metrics-channel-users-2", BOTH),
        ("22-cache-2", "22-cache-3", _Here(cache_z=ChannelState(1, 0, CACHED))),
        ("22-cache-2", "22-cache-4", _Here()),
        ("23-metrics-connections-empty-1", "23-metrics-connections-empty-2", _Here()),
        ("24-metrics-channels-empty-1", "24-metrics-channels-empty-2", _Here()),
    ],
)
def test_answers_as_php_gives_them(question: str, answer: str, here: _Here) -> None:
    asked = read(captured(question))
    assert isinstance(asked, MetricsQuestion)
    assert write_answer(asked, MetricsAnswers(here).answer(asked)) == captured(answer)


def test_hidden_channels_are_in_no_list() -> None:
    asked = read(captured("16-metrics-channels-1"))
    assert isinstance(asked, MetricsQuestion)
    here = _Here(pub=ChannelState(1), hidden=ChannelState(1))
    assert json.loads(MetricsAnswers(here).answer(asked)).keys() == {"pub", "hidden"}
    assert json.loads(MetricsAnswers(here, "hidden".__eq__).answer(asked)).keys() == {"pub"}


def test_connections_are_counted_by_their_keys() -> None:
    state = LocalState()
    for _ in range(3):
        state.connect("app1")
    asked = read(captured("12-metrics-connections-1"))
    assert isinstance(asked, MetricsQuestion)
    answer = json.loads(MetricsAnswers(LocalView(state, EventCache(lambda: 0.0))).answer(asked))
    assert len(answer) == 3
    for socket_id, nothing in answer.items():
        assert re.fullmatch(r"\d+\.\d+", socket_id)
        assert nothing == {}


@pytest.mark.parametrize(
    ("id_json", "answered"),
    [(b"7", b"7"), (b'"7"', b'"7"'), (b'"a/\xc3\xa9"', rb'"a\/\u00e9"'), (b"1e999", b'"1e999"')],
)
def test_a_user_id_that_php_cannot_read_is_a_string(id_json: bytes, answered: bytes) -> None:
    """1e999 is infinite there, which a PHP node cannot write again: it would die of the answer."""
    user_id = json.loads(id_json) if id_json[:1] == b'"' else id_json.decode()
    assert user_id_json(Member(user_id, id_json, b"null")) == answered
