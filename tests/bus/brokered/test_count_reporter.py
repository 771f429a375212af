"""When a broker is told of counts."""

import asyncio

import pytest

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered import count_reporter
from revurb.bus.brokered.subscriptions import BrokeredSubscriptions
from revurb.bus.cache import EventCache
from revurb.bus.local_state import LocalState
from revurb.node.member_event_texts import MEMBER_EVENTS
from tests.bus.engines import APP


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_many_changes_are_told_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(count_reporter, "REPORT_EVERY_S", 1000.0)
    loop = asyncio.get_running_loop()
    holdings, cache = LocalState(), EventCache(loop.time)
    told: list[m.FromWorker] = []
    some = BrokeredSubscriptions(holdings, cache, MEMBER_EVENTS, told.append, print, lambda: 1)
    some._counts._reported_at = -1000.0  # nothing was told for long
    for _ in range(3):
        some.connect(APP)
    await turns()
    assert told == [m.ConnectionCount(APP, 3, 3)]
    told.clear()
    for _ in range(5):
        some.connect(APP)
        some.disconnect(APP)
        some.connect(APP)
        await turns()
    assert not told, "a moment has not passed"
    some.report_counts()  # before a question
    assert told == [m.ConnectionCount(APP, 5, 8)]
    some.report_counts()
    assert len(told) == 1
