"""What every node of a cluster is asked to do: over each engine."""

from __future__ import annotations

import pytest

from revurb.apps import AppProvider
from revurb.config import Config
from revurb.node.app_changes import AppChanges
from revurb.node.even_closing import EvenClosing
from revurb.node.node_requests import DONE, NodeRequests
from revurb.pusher.reconnecting import ForceReconnect, survey_of
from revurb.pusher.registry import AT_ONCE, Registry


class Nothing:
    """A provider without an app."""

    def find_by_id(self, app_id: str) -> None:
        return None

    def find_by_key(self, key: str) -> None:
        return None

    def all(self) -> tuple[()]:
        return ()


def requests(provider: AppProvider | None = None) -> NodeRequests:
    registry = Registry()
    changes = AppChanges(provider, Config())
    changes.begin(changes.apps, registry)
    return NodeRequests(lambda question: b"status of " + question, registry, changes, EvenClosing(AT_ONCE))


async def test_what_is_known_is_done() -> None:
    node = requests(Nothing())
    assert node.answer(b'{"type":"reload_apps"}') == DONE
    assert node.answer(b'{"type":"reload_apps","app_id":"1","later":1}') == DONE
    assert node.answer(survey_of(ForceReconnect("1"))) == DONE


async def test_configured_apps_are_not_read_again_and_nobody_says_so() -> None:
    node = requests()
    assert node.answer(b'{"type":"reload_apps"}') == b""
    assert node.answer(survey_of(ForceReconnect("1"))) == DONE


@pytest.mark.parametrize("number", ["-1", "1e308", "1e-300", "0", "-1e308"])
async def test_numbers_of_any_size(number: str) -> None:
    node = requests()
    question = f'{{"type":"force_reconnect","app_id":"1","percent":{number},"over_s":{number}}}'
    assert node.answer(question.encode()) == DONE
    assert node.answer(b'{"type":"force_reconnect","app_id":"1","over_s":1e999}') in (b"", DONE)


async def test_what_is_unknown_is_not() -> None:
    node = requests()
    assert node.answer(b'{"type":"of_a_later_version"}') == b""
    for garbage in (b"{", b"{}", b"{" * 10_000, b'{"type":"reload_apps","app_id":7}', b'{"\xff":1}'):
        assert node.answer(garbage) == b""
    assert node.answer(b"status") == b"status of status"
