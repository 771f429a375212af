"""The questions of the bus, and the ledger's method that answers each."""

from __future__ import annotations

from collections.abc import Callable

from revurb.bus.brokered import broker_messages as m
from revurb.bus.redis.redis_ledger import RedisLedger


def run_query(question: m.FromWorker, ledger: RedisLedger, answer: Callable[[int, object], None]) -> None:
    """Ask `ledger`. `answer` is called later with the question's id and the answer. Messages that are not questions are
    ignored."""
    match question:
        case m.Admit(id, app_id, limit):
            ledger.admit(app_id, limit, lambda granted: answer(id, granted))
        case m.QueryChannels(id, app_id, prefix):
            ledger.channels(app_id, prefix, lambda found: answer(id, found))
        case m.QueryStates(id, app_id, channels):
            ledger.states(app_id, channels, lambda found: answer(id, found))
        case m.QueryMembers(id, app_id, channel):
            ledger.members(app_id, channel, lambda found: answer(id, found))
        case m.QueryConnections(id, app_id):
            ledger.connections(app_id, lambda found: answer(id, found))
