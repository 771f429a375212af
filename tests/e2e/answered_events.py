"""Events that are published over a process until it is killed: those that it has answered with 200 must not be lost."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Iterable

from tests.client import Ended, Http, api
from tests.e2e.resuming import SUCCEEDED, Comeback
from tests.processes.pinned import trigger
from tests.processes.test_single_node import APP

ENOUGH = 20  # events of one connection that are answered before the process is killed


class AnsweredEvents:
    """On one channel, of which the server keeps all, and to which a client is subscribed."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._answered: set[str] = set()
        self._unanswered: set[str] = set()
        self._heard: list[str] = []

    async def until_killed(self, name: str, connections: Iterable[Http], kill: Awaitable[None]) -> None:
        """Publish over all of these connections of a process; `kill` ends it, and is awaited in the middle of
        that. No two calls have the same `name`."""
        enough = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            for number, connection in enumerate(connections):
                tasks.create_task(self._publish(f"{name} {number}", connection, enough))
            await enough.wait()
            await kill

    async def _publish(self, name: str, connection: Http, enough: asyncio.Event) -> None:
        for number in range(1, sys.maxsize):
            data = f"{name} {number}"
            try:
                await trigger(connection, "e", self._channel, json.dumps(data))
            except Ended:
                self._unanswered.add(data)
                return
            self._answered.add(data)
            if number == ENOUGH:
                enough.set()

    async def hear(self, s: Comeback, client: str, end: str) -> None:
        """Publish a last event over another process, and hear what the client is told until it has come."""
        await s.publish(self._channel, end)
        self._answered.add(end)
        while end not in self._heard:
            told = await s.node.next(client)
            if told["event"] != SUCCEEDED:
                assert told["event"] == "e"
                self._heard.append(told["data"])

    async def came_once_and_in_order(self, port: int) -> None:
        """Compare what was heard with what the server at `port` has kept."""
        path = f"/channels/{self._channel}/events"
        page = (await api(port, APP, "GET", path, query={"limit": "1000"})).json()
        assert page["complete"]
        assert not page["has_more"]
        assert self._heard == [json.loads(event["data"]) for event in page["events"]]
        assert len(self._heard) == len(set(self._heard))
        # Whether an event was taken whose publisher was not answered, nobody knows.
        assert self._answered <= set(self._heard) <= self._answered | self._unanswered
