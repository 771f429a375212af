from __future__ import annotations

import asyncio

from revurb import App
from revurb.inspection.channel_scan import SLICE_CHANNELS, ChannelScan
from revurb.pusher.channel_name import ChannelName
from revurb.pusher.registry import Registry
from revurb.pusher.session_state import _Nowhere

APP = App(id="1", key="k", secret="s")


def registry_with(counts: dict[str, int]) -> Registry:
    registry = Registry()
    state = registry.state(APP)
    for name, count in counts.items():
        channel = state.open_channel(ChannelName.parse(name))
        for _ in range(count):
            channel.subscribers[_Nowhere()] = None
    return registry


async def test_those_with_most_subscribers_come_first() -> None:
    scan = ChannelScan(registry_with({"a": 1, "b": 3, "private-c": 2, "#server-to-user-7": 9}))
    found = await scan.find("1", "", 2)
    assert found == ([(3, "b"), (2, "private-c")], 3)
    assert await scan.find("1", "private-*", 2) == ([(2, "private-c")], 1)
    assert await scan.find("2", "", 2) == ([], 0)


async def test_many_are_looked_at_in_slices() -> None:
    counts = {
        f"room-{number}": int(number in (7, 3 * SLICE_CHANNELS)) for number in range(4 * SLICE_CHANNELS)
    }
    scan = ChannelScan(registry_with(counts))
    finding = asyncio.ensure_future(scan.find("1", "", 3))
    turns = 0
    while not finding.done():
        await asyncio.sleep(0)
        turns += 1
    found = finding.result()
    assert turns >= 4
    assert found.total == 4 * SLICE_CHANNELS
    assert {name for count, name in found.channels if count} == {"room-7", f"room-{3 * SLICE_CHANNELS}"}


async def test_a_scan_serves_all_who_ask_meanwhile_and_soon_after() -> None:
    registry = registry_with({"a": 1})
    scan = ChannelScan(registry)
    first = await scan.find("1", "", 10)
    registry.state(APP).open_channel(ChannelName.parse("b"))
    assert await scan.find("1", "", 10) is first
    assert (await scan.find("1", "*", 10)).total == 2
