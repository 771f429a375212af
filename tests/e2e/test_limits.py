"""What pusher-js sees of Pusher's limits."""

from __future__ import annotations

import contextlib

from tests.client import connect
from tests.e2e.conftest import APP, Stages


async def test_a_full_room_and_a_name_that_is_none_are_subscription_errors(stage: Stages) -> None:
    async with stage(limits_profile="pusher") as s, contextlib.AsyncExitStack() as others:
        for number in range(100):
            member = await others.enter_async_context(connect(s.server.port, APP.key))
            await member.subscribe("presence-room", APP, {"user_id": f"other-{number}"})
        await s.open("ann", "1")
        for channel, code, status in (("presence-room", 4301, 4100), ("news of today", 4009, 4009)):
            await s.node.do("subscribe", "ann", channel=channel)
            error = await s.node.event("ann", "pusher:subscription_error", channel)
            assert (error["type"], error["status"]) == ("LimitReached", status)
            assert (await s.node.error("ann"))["code"] == code
        await s.open("bob", "other-7")  # who is there already
        assert (await s.node.subscribe("bob", "presence-room"))["count"] == 100
        await s.node.subscribe("ann", "news")  # the connection goes on


async def test_more_client_events_than_may_be_are_an_error_and_no_end(stage: Stages) -> None:
    async with stage(limits_profile="pusher") as s:
        await s.open("ann")
        await s.open("bob")
        for client in ("ann", "bob"):
            await s.node.subscribe(client, "private-x")
        for number in range(100):  # 11, on a machine that has time
            await s.node.do("trigger", "ann", channel="private-x", event="client-n", data=number)
        for number in range(10):
            assert await s.node.event("bob", "client-n", "private-x") == number
        error = await s.node.error("ann")
        assert error == {
            "code": 4301,
            "message": "Client event rejected due to rate limit: more than 10 in a second",
        }
        await s.node.subscribe("ann", "news")
