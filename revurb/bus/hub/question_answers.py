"""The broker's answers to questions about channels and connections."""

from __future__ import annotations

from collections.abc import Generator

from revurb.bus.brokered import broker_messages as m
from revurb.bus.cache import EventCache
from revurb.bus.history_store import HistoryStore
from revurb.bus.ledger import Ledger
from revurb.pusher.ports import ChannelState

Question = m.Admit | m.QueryStates | m.QueryMembers | m.QueryConnections | m.QueryHistory | m.ForgetHistory


class QuestionAnswers:
    """Answers from the ledger and the events that are kept."""

    __slots__ = ("_cache", "_history", "_ledger")

    def __init__(self, ledger: Ledger, cache: EventCache, history: HistoryStore) -> None:
        self._history = history
        self._ledger = ledger
        self._cache = cache

    def answer(self, node: str, question: Question) -> object:
        """The answer to a question of `node`, of the type that its message names."""
        ledger = self._ledger
        match question:
            case m.Admit(_, app_id, limit):
                granted = ledger.connections(app_id) < limit
                if granted:
                    ledger.add_connections(node, app_id, 1)
                return granted
            case m.QueryStates(_, app_id, channels):
                return [self._channel_state(app_id, name) for name in channels]
            case m.QueryMembers(_, app_id, channel):
                return ledger.members(app_id, channel)
            case m.QueryConnections(_, app_id):
                return ledger.connections(app_id)
            case m.QueryHistory(_, app_id, channel, after, limit):
                return self._history.page(app_id, channel, after, limit)
            case m.ForgetHistory(_, app_id, channel):
                self._history.forget(app_id, channel)
                return True

    def channels(self, question: m.QueryChannels) -> Generator[None, None, dict[str, ChannelState]]:
        """Returns the answer to that question. There may be very many: it yields after each channel."""
        app_id, states = question.app_id, {}
        for name in self._ledger.occupied_channels(app_id, question.prefix):
            states[name] = self._channel_state(app_id, name)
            yield
        return states

    def _channel_state(self, app_id: str, channel: str) -> ChannelState:
        return ChannelState(*self._ledger.counts(app_id, channel), self._cache.get(app_id, channel))
