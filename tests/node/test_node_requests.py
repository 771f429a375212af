"""What every node of a cluster is asked to do: over each engine."""

from __future__ import annotations

import pytest

from revurb.config import Config
from revurb.node.app_changes import AppChanges
from revurb.node.even_closing import EvenClosing
from revurb.node.node_requests import DONE, NodeRequests
from revurb.pusher.reconnecting import ForceReconnect, survey_of
from revurb.pusher.registry import AT_ONCE, Registry


def requests() -> NodeRequests:
    registry = Registry()
    changes = AppChanges(None, Config())
    changes.begin(changes.apps, registry)
    return NodeRequests(lambda question: b"status of " + question, registry, changes, EvenClosing(AT_ONCE))


async def test_what_is_known_is_done() -> None:
    node = requests()
    assert node.answer(b'{"type":"reload_apps"}') == DONE
    assert node.answer(b'{"type":"reload_apps","app_id":"1","later":1}') == DONE
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
