"""This node's questions to the PHP nodes, and adding up their answers.

Each PHP node answers for its own clients. A subscriber that is dead or not a PHP node does not answer, so there is a
deadline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec
import orjson

from revurb.pusher.ports import ChannelState, Member

DEADLINE_S = 1.0  # PHP nodes wait for 10 s; nodes that are alive answer within milliseconds

MAX_ANSWERS = 1000  # to one question: whoever sends more is no PHP node

Payload: TypeAlias = Any  # unchecked JSON of another node


@dataclass(slots=True)
class _PendingQuestion:
    done: asyncio.Future[None]
    expected: int | None = None  # number of answers; None until Redis has counted the PHP nodes
    answers: list[Payload] = field(default_factory=list)

    def finish_if_complete(self) -> None:
        if self.expected is not None and len(self.answers) >= self.expected and not self.done.done():
            self.done.set_result(None)


class MetricsRequests:
    """The questions that are open, by key."""

    def __init__(self) -> None:
        self._pending: dict[str, _PendingQuestion] = {}

    def open(self, key: str) -> None:
        """Collect the answers to a question that is about to be asked."""
        self._pending[key] = _PendingQuestion(asyncio.get_running_loop().create_future())

    def expect(self, key: str, answers: int) -> None:
        """Redis has said how many PHP nodes will answer."""
        question = self._pending.get(key)
        if question is not None:
            question.expected = answers
            question.finish_if_complete()

    def on_answer(self, key: str, payload: msgspec.Raw) -> bool:
        """An answer has come, to this node's question or to that of another node, which is ignored. Returns False if it
        is none: neither a JSON array nor an object."""
        question = self._pending.get(key)
        if question is None or len(question.answers) >= MAX_ANSWERS:
            return True
        try:
            value = orjson.loads(bytes(payload))
        except orjson.JSONDecodeError:
            value = None
        if not isinstance(value, dict | list):
            return False
        question.answers.append(value)
        question.finish_if_complete()
        return True

    async def answers(self, key: str) -> Sequence[Payload]:
        """Wait for all answers, for at most DEADLINE_S. Returns those that have come."""
        question = self._pending[key]
        try:
            async with asyncio.timeout(DEADLINE_S):
                await question.done
        except TimeoutError:
            pass
        finally:
            del self._pending[key]
        return question.answers

    def finish_all(self) -> None:
        """Return the answers that have come to all open questions: Redis is gone, no more can come."""
        for question in self._pending.values():
            question.expected = 0
            question.finish_if_complete()


def add_connections(count: int, answers: Iterable[Payload]) -> int:
    """The number of connections here and on PHP nodes."""
    return count + sum(len(answer) for answer in answers)


def add_channels(found: Mapping[str, ChannelState], answers: Iterable[Payload]) -> dict[str, ChannelState]:
    """All channels that are occupied here or on PHP nodes."""
    merged = dict(found)
    for answer in answers:
        for name, info in _by_name(answer).items():
            merged[name] = _add_info(merged.get(name, ChannelState()), info, occupied=True)
    return merged


def add_states(
    names: Sequence[str], states: Sequence[ChannelState], answers: Iterable[Payload]
) -> list[ChannelState]:
    """The states of the channels `names`, here and on PHP nodes together."""
    merged = dict(zip(names, states, strict=True))
    for answer in answers:
        found = _by_name(answer)
        for name in merged:
            merged[name] = _add_info(merged[name], found.get(name), occupied=False)
    return [merged[name] for name in names]


def add_members(members: Sequence[Member], answers: Iterable[Payload]) -> list[Member]:
    """All members here and on PHP nodes. A user on both is one member. PHP nodes report nothing of a user besides its
    id."""
    merged = {member.user_id: member for member in members}
    for answer in answers:
        for user in answer.values() if isinstance(answer, dict) else answer:
            id = user.get("id") if isinstance(user, dict) else None
            if isinstance(id, str | int | float) and not isinstance(id, bool) and id != "":
                id_json = orjson.dumps(id)
                user_id = id if isinstance(id, str) else id_json.decode()
                merged.setdefault(user_id, Member(user_id, id_json, b"null"))
    return list(merged.values())


def _by_name(answer: Payload) -> Mapping[str, Payload]:
    """The channels of an answer. PHP writes a map with the keys 0, 1, 2 and so on as a list: these are their names."""
    if isinstance(answer, list):
        return {str(index): info for index, info in enumerate(answer)}
    return answer if isinstance(answer, dict) else {}


def _add_info(state: ChannelState, info: Payload, *, occupied: bool) -> ChannelState:
    """Add a PHP node's report of a channel. It has subscription_count for most channels and user_count for presence
    channels, on which each user is subscribed at least once."""
    subscribers, users = (
        _count(info, "subscription_count"),
        _count(info, "user_count"),
    )
    subscribers = max(subscribers, users, int(occupied))
    return msgspec.structs.replace(
        state, subscription_count=state.subscription_count + subscribers, user_count=state.user_count + users
    )


def _count(info: Payload, name: str) -> int:
    count = info.get(name) if isinstance(info, dict) else None
    return count if isinstance(count, int) and not isinstance(count, bool) and count > 0 else 0
