"""When a broker is told of counts."""

import asyncio

import pytest

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered import subscriptions
from revurb.bus.brokered.subscriptions import Subscriptions
from revurb.bus.cache import EventCache
from revurb.bus.local_state import Holdings
from revurb.node.member_event_texts import MEMBER_EVENTS
from tests.bus.engines import APP


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_many_changes_are_told_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "TELL_EVERY_S", 1000.0)
    loop = asyncio.get_running_loop()
    holdings, cache = Holdings(), EventCache(loop.time)
    told: list[m.FromWorker] = []
    some = Subscriptions(holdings, cache, MEMBER_EVENTS, told.append, print, lambda: 1)
    some._told_at = -1000.0  # nothing was told for long
    for _ in range(3):
        some.connect(APP)
    await turns()
    assert told == [m.Connections(APP, 3, 3)]
    told.clear()
    for _ in range(5):
        some.connect(APP)
        some.disconnect(APP)
        some.connect(APP)
        await turns()
    assert not told, "a moment has not passed"
    some.tell_changes()  # before a question
    assert told == [m.Connections(APP, 5, 8)]
    some.tell_changes()
    assert len(told) == 1
