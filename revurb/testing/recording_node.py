"""A node for tests, in a thread of its own: a test, its application and a blocking SDK may wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from revurb.apps import App
from revurb.node.embedding import Server
from revurb.node.recorded_events import SentEvent
from revurb.testing.expectation import ANY, Expectation, described
from revurb.testing.recording_client import RecordingClient

LOOK_S = 0.005  # between two looks at what was published


class RecordingNode:
    """A `Server` with what its tests ask. All methods are for its loop."""

    def __init__(self, app: App, options: Mapping[str, Any]) -> None:
        """`options` are arguments of `Server`. Raises what that raises, and ValueError for further apps."""
        if "apps" in options:
            raise ValueError(
                "revurb_options: found apps; the app is that of the fixture revurb_app, "
                "and `with revurb.Server(apps=..., record_events=True)` has several"
            )
        arguments: dict[str, Any] = {"port": 0, "drain_timeout_s": 0.0, **options}
        self.app = app
        self.server = Server(**{**arguments, "apps": [app], "record_events": True})
        self._clients: list[RecordingClient] = []
        self._before: SentEvent | None = None  # the last event of the test before

    async def start(self) -> None:
        """Listen. Raises ListenError."""
        await self.server.start()

    async def stop(self) -> None:
        """End clients and server."""
        await self.reset()
        await self.server.stop()

    async def reset(self) -> None:
        """Forget what was published, and end the clients: the next test begins."""
        clients, self._clients = self._clients, []
        for client in clients:
            await client.close()
        sent = self.server.sent
        self._before = sent[-1] if sent else None

    async def connect(
        self,
        user_id: str | None,
        user_info: Mapping[str, object] | None,
        encryption_master_key_base64: str | None = None,
    ) -> RecordingClient:
        """A new client, connected. Raises CannotConnect or ConnectionRefused."""
        client = RecordingClient(
            self.server.ws_url, self.app, user_id, user_info, encryption_master_key_base64
        )
        self._clients.append(client)
        await client.start()
        return client

    @property
    def sent(self) -> list[SentEvent]:
        """What was published since the last reset."""
        sent = self.server.sent
        if self._before is not None:
            for index in range(len(sent) - 1, -1, -1):
                if sent[index] is self._before:
                    return sent[index + 1 :]
        return sent

    async def published(
        self, event: str, channel: str | None = None, data: Any = ANY, timeout_s: float = 2.0
    ) -> SentEvent:
        """The first such event that the application has published, or does within `timeout_s`. Raises AssertionError
        where it does not."""
        wanted = Expectation(event, channel, data)
        try:
            async with asyncio.timeout(timeout_s):
                while (found := self._find(wanted)) is None:
                    await asyncio.sleep(LOOK_S)
                return found
        except TimeoutError:
            raise AssertionError(
                f"{wanted} was not published within {timeout_s} s; what was: {self._description()}"
            ) from None

    async def not_published(self, event: str, channel: str | None = None, data: Any = ANY) -> None:
        """Raises AssertionError if such an event has been published until now."""
        wanted = Expectation(event, channel, data)
        if self._find(wanted) is not None:
            raise AssertionError(f"{wanted} was published; all that was: {self._description()}")

    def _find(self, wanted: Expectation) -> SentEvent | None:
        return next((sent for sent in self.sent if wanted.is_met(sent, sent.channels)), None)

    def _description(self) -> str:
        return described((sent.channels, sent) for sent in self.sent)
