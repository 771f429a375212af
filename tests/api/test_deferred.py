"""Responses over a bus that takes its time: nobody is answered before all of what was asked for is done."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Sequence
from typing import Any

import pytest

from revurb.apps import App, FixedApps, HistoryRule
from revurb.bus.local import LocalBus
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.history import UNAVAILABLE
from revurb.pusher.ports import ChannelState, PublishedEvent
from revurb.pusher.triggering import Trigger
from revurb.wire.response import Response
from tests.api.desk import Desk, a_request, signed_query
from tests.pusher.room import an_app


class SlowBus(LocalBus):
    """Accepts and describes when the test says so."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.pending: list[asyncio.Future[Any]] = []

    def publish(self, event: PublishedEvent) -> Awaitable[None]:  # type: ignore[override]
        super().publish(event)
        return self._later()

    def publish_kept(self, event: PublishedEvent) -> Awaitable[str | None]:  # type: ignore[override]
        return self.publish(event)

    def describe(self, app_id: str, channels: Sequence[str]) -> Awaitable[Sequence[ChannelState]]:  # type: ignore[override]
        self.described = list(channels)
        return self._later()

    def _later(self) -> asyncio.Future[Any]:
        self.pending.append(asyncio.get_running_loop().create_future())
        return self.pending[-1]


class SlowDesk(Desk):
    def __init__(self, app: App | None = None) -> None:
        super().__init__(None if app is None else FixedApps([app]))
        self.app = app or self.app
        self.slow = SlowBus(self.dispatch, MEMBER_EVENTS, self.clock)
        self.api._bus = self.slow
        self.api._trigger = Trigger(self.slow, 1800)

    def post(self, path: str, body: object) -> asyncio.Future[Response]:
        raw, path = json.dumps(body).encode(), f"/apps/app1{path}"
        query = signed_query(self.app, "POST", path, raw)
        answer = self.api.answer(a_request("POST", f"{path}?{query}", raw))
        assert isinstance(answer, Awaitable)

        async def wait() -> Response:
            return await answer

        return asyncio.ensure_future(wait())


async def turns() -> None:
    """Let everything run that can."""
    for _ in range(10):
        await asyncio.sleep(0)


def event(channel: str, **more: str) -> dict[str, str]:
    return {"name": "e", "channel": channel, "data": "1", **more}


async def test_an_event_is_answered_when_it_is_accepted() -> None:
    desk = SlowDesk()
    answer = desk.post("/events", event("a"))
    await turns()
    assert not answer.done()
    desk.slow.pending[0].set_result(None)
    assert (await answer).body == b"{}"


@pytest.mark.parametrize("last", [0, 1, 2])
@pytest.mark.parametrize("batch", [True, False], ids=["batch", "channels"])
async def test_several_are_answered_when_all_are_accepted(batch: bool, last: int) -> None:
    desk = SlowDesk()
    channels = ["a", "b", "c"]
    if batch:
        answer = desk.post("/batch_events", {"batch": [event(channel) for channel in channels]})
    else:
        answer = desk.post("/events", {"name": "e", "channels": channels, "data": "1"})
    await turns()
    assert len(desk.slow.pending) == 3
    for number in {0, 1, 2} - {last}:
        desk.slow.pending[number].set_result(None)
    await turns()
    assert not answer.done()
    desk.slow.pending[last].set_result(None)
    assert (await answer).body == b"{}"


@pytest.mark.parametrize("batch", [True, False], ids=["batch", "event"])
async def test_what_is_asked_about_is_asked_after_it_is_accepted(batch: bool) -> None:
    desk = SlowDesk()
    asking = event("a", info="subscription_count")
    answer = (
        desk.post("/batch_events", {"batch": [asking, event("b")]}) if batch else desk.post("/events", asking)
    )
    await turns()
    accepted = list(desk.slow.pending)
    assert len(accepted) == (2 if batch else 1)
    for one in accepted:
        one.set_result(None)
    await turns()
    assert not answer.done()
    (states,) = desk.slow.pending[len(accepted) :]
    assert desk.slow.described == (["a", "b"] if batch else ["a"])
    states.set_result([ChannelState(3, 0), ChannelState(4, 0)][: len(desk.slow.described)])
    assert json.loads((await answer).body) == (
        {"batch": [{"subscription_count": 3}, {}]}
        if batch
        else {"channels": {"a": {"subscription_count": 3}}}
    )


@pytest.mark.parametrize("kind", ["event", "asking", "batch"])
@pytest.mark.parametrize("is_late", [True, False])
async def test_what_cannot_be_kept_is_for_the_application_to_send_again(kind: str, is_late: bool) -> None:
    desk = SlowDesk(an_app(history=(HistoryRule(channels=("a",)),)))
    asked = event("a", info="subscription_count") if kind == "asking" else event("a")
    if not is_late:
        desk.slow.publish_kept = lambda event: UNAVAILABLE  # type: ignore[assignment, return-value]
    body = {"batch": [asked, event("b")]} if kind == "batch" else asked
    if kind != "batch" and not is_late:
        assert desk.call("POST", "/events", body)[0] == 503  # at once
        return
    answer = desk.post("/batch_events" if kind == "batch" else "/events", body)
    await turns()
    if is_late:
        desk.slow.pending[0].set_result(UNAVAILABLE)
    if kind == "batch":
        desk.slow.pending[-1].set_result(None)
    response = await answer
    assert response.status == 503
    assert b"not sent" in response.body
    assert ("Retry-After", "2") in response.headers


async def test_a_bus_that_fails_fails_the_request() -> None:
    desk = SlowDesk()
    answer = desk.post("/batch_events", {"batch": [event("a"), event("b")]})
    await turns()
    desk.slow.pending[0].set_result(None)
    desk.slow.pending[1].set_exception(ConnectionError("gone"))
    with pytest.raises(ConnectionError):
        await answer
