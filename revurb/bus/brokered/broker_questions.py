"""The questions of `pusher.ports.Bus`, put to the broker; to this node's own state while the broker stays away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.broker_queries import BrokerQueries
from revurb.bus.local_view import LocalView
from revurb.pusher.history import UNAVAILABLE_PAGE, HistoryPage, Position
from revurb.pusher.ports import ChannelState, Member

T = TypeVar("T")


class BrokerQuestions:
    """`report_before` calls what it is given behind a report of the counts that the answer is to include.
    `is_isolated` is whether the broker stays away."""

    def __init__(
        self,
        queries: BrokerQueries,
        local_view: LocalView,
        report_before: Callable[[m.FromWorker, Callable[[], None]], None],
        is_isolated: Callable[[], bool],
    ) -> None:
        self._queries = queries
        self._local_view = local_view
        self._report_before = report_before
        self._is_isolated = is_isolated

    def channels(self, app_id: str, prefix: str) -> Awaitable[dict[str, ChannelState]]:
        return self.ask(
            lambda id: m.QueryChannels(id, app_id, prefix),
            m.read_channels,
            lambda: self._local_view.channels_in_slices(app_id, prefix),
        )

    def describe(self, app_id: str, channels: Sequence[str]) -> Awaitable[list[ChannelState]]:
        return self.ask(
            lambda id: m.QueryStates(id, app_id, list(channels)),
            m.read_states,
            lambda: self._local_view.describe(app_id, channels),
        )

    def members(self, app_id: str, channel: str) -> Awaitable[list[Member]]:
        return self.ask(
            lambda id: m.QueryMembers(id, app_id, channel),
            m.read_members,
            lambda: self._local_view.members(app_id, channel),
        )

    def connections(self, app_id: str) -> Awaitable[int]:
        return self.ask(
            lambda id: m.QueryConnections(id, app_id),
            m.read_count,
            lambda: self._local_view.connections(app_id),
        )

    def history(
        self, app_id: str, channel: str, after: Position | None, limit: int
    ) -> Awaitable[HistoryPage]:
        return self.ask(
            lambda id: m.QueryHistory(id, app_id, channel, after, limit),
            m.read_page,
            lambda: UNAVAILABLE_PAGE,
        )

    async def forget_history(self, app_id: str, channel: str) -> bool:
        return await self.ask(lambda id: m.ForgetHistory(id, app_id, channel), m.read_bool, lambda: False)

    def ask(
        self,
        message: Callable[[int], m.FromWorker],
        read: Callable[[msgspec.Raw], T],
        local_answer: Callable[[], T | Awaitable[T]],
    ) -> asyncio.Future[T]:
        """Ask the broker. `message` makes the question with its id, `read` decodes the reply, and `local_answer` is
        what this node knows itself."""
        id = self._queries.next_id()
        answer = self._queries.ask(message(id), id, read, local_answer, self._report_before)
        if self._is_isolated():
            self._queries.answer_locally()
        return answer
