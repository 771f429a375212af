"""Answers to the questions of the bus: what was read in Redis, as the messages that the bus waits for."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from revurb.bus.brokered import broker_messages as m
from revurb.bus.redis.ledger_queries import LedgerQueries
from revurb.bus.redis.redis_history import RedisHistory
from revurb.bus.redis.refusals import UnusableValue
from revurb.bus.redis.session_tasks import SessionTasks


class LedgerAnswers:
    """`receive` gives a message to the bus. A question that takes several round trips is one of the `tasks`."""

    def __init__(
        self,
        queries: LedgerQueries,
        history: RedisHistory,
        tasks: SessionTasks,
        receive: Callable[[m.FromBroker], None],
    ) -> None:
        self._queries = queries
        self._history = history
        self._tasks = tasks
        self._receive = receive

    def answer(self, question: m.FromWorker) -> None:
        """Answer one of the questions `Query...`, or `ForgetHistory`."""
        self._tasks.start(self._answer(question))

    def reply(self, id: int, value: object) -> None:
        """This is the answer to the question with that id."""
        self._receive(m.QueryReply(id, msgspec.Raw(m.encode(value))))

    def refuse(self, id: int) -> None:
        """Redis has no answer to the question with that id."""
        self._receive(m.Refused(id))

    async def _answer(self, question: m.FromWorker) -> None:
        queries = self._queries
        try:
            match question:
                case m.QueryChannels(id, app_id, prefix):
                    self._receive(m.ChannelsReply(id, await queries.channels(app_id, prefix)))
                case m.QueryStates(id, app_id, channels):
                    self.reply(id, await queries.states(app_id, channels))
                case m.QueryMembers(id, app_id, channel):
                    self.reply(id, await queries.members(app_id, channel))
                case m.QueryConnections(id, app_id):
                    self.reply(id, await queries.connections(app_id))
                case m.QueryHistory(id, app_id, channel, after, limit):
                    self.reply(id, await self._history.page(app_id, channel, after, limit))
                case m.ForgetHistory(id, app_id, channel):
                    self.reply(id, await self._history.forget(app_id, channel))
        except UnusableValue:
            self.refuse(id)
