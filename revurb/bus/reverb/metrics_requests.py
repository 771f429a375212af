"""What this node asks the PHP nodes, and what their answers say together.

Each PHP node answers for its own clients; a dead or foreign one does not answer at all, so there is a deadline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec
import orjson

from revurb.pusher.ports import ChannelState, Member

DEADLINE_S = 1.0  # PHP itself waits for 10; nodes that live answer within milliseconds

Payload: TypeAlias = Any  # JSON from elsewhere: nothing is known of it


@dataclass(slots=True)
class _PendingQuestion:
    done: asyncio.Future[None]
    expected: int | None = None  # answers; None until Redis has said how many PHP nodes listen
    answers: list[Payload] = field(default_factory=list)

    def finish_if_complete(self) -> None:
        if self.expected is not None and len(self.answers) >= self.expected and not self.done.done():
            self.done.set_result(None)


class MetricsRequests:
    """The questions that are under way, by key."""

    def __init__(self) -> None:
        self.invalid_messages = 0  # answers that were none
        self._pending: dict[str, _PendingQuestion] = {}

    def ask(self, key: str) -> None:
        self._pending[key] = _PendingQuestion(asyncio.get_running_loop().create_future())

    def expect(self, key: str, answers: int) -> None:
        question = self._pending.get(key)
        if question is not None:
            question.expected = answers
            question.finish_if_complete()

    def answered(self, key: str, payload: msgspec.Raw) -> None:
        """An answer came, to one of ours or to somebody else's."""
        question = self._pending.get(key)
        if question is None:
            return
        try:
            value = orjson.loads(bytes(payload))
        except orjson.JSONDecodeError:
            value = None
        if isinstance(value, dict | list):
            question.answers.append(value)
            question.finish_if_complete()
        else:
            self.invalid_messages += 1

    async def answers(self, key: str) -> Sequence[Payload]:
        """All answers, or those that have come when the deadline has passed."""
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
        """No more answers can come."""
        for question in self._pending.values():
            question.expected = 0
            question.finish_if_complete()


def add_connections(count: int, answers: Iterable[Payload]) -> int:
    return count + sum(len(answer) for answer in answers)


def add_channels(found: Mapping[str, ChannelState], answers: Iterable[Payload]) -> dict[str, ChannelState]:
    """All that are occupied here or there."""
    merged = dict(found)
    for answer in answers:
        if isinstance(answer, dict):
            for name, info in answer.items():
                merged[name] = _add_info(merged.get(name, ChannelState()), info, occupied=True)
    return merged


def add_states(
    names: Sequence[str], states: Sequence[ChannelState], answers: Iterable[Payload]
) -> list[ChannelState]:
    merged = dict(zip(names, states, strict=True))
    for answer in answers:
        if isinstance(answer, dict):
            for name in merged:
                merged[name] = _add_info(merged[name], answer.get(name), occupied=False)
    return [merged[name] for name in names]


def add_members(members: Sequence[Member], answers: Iterable[Payload]) -> list[Member]:
    """A user who is here and there is one member. What it is beside its id, PHP does not say."""
    merged = {member.user_id: member for member in members}
    for answer in answers:
        for user in answer.values() if isinstance(answer, dict) else answer:
            id = user.get("id") if isinstance(user, dict) else None
            if isinstance(id, str | int | float) and not isinstance(id, bool) and id != "":
                id_json = orjson.dumps(id)
                user_id = id if isinstance(id, str) else id_json.decode()
                merged.setdefault(user_id, Member(user_id, id_json, b"null"))
    return list(merged.values())


def _add_info(state: ChannelState, info: Payload, *, occupied: bool) -> ChannelState:
    """PHP says subscription_count for most channels and user_count for presence channels: each user is subscribed at
    least once."""
    subscribers, users = (
        _count(info, "subscription_count"),
        _count(info, "user_count"),
    )
    subscribers = max(subscribers, users, int(occupied))
    return state._replace(
        subscription_count=state.subscription_count + subscribers, user_count=state.user_count + users
    )


def _count(info: Payload, name: str) -> int:
    count = info.get(name) if isinstance(info, dict) else None
    return count if isinstance(count, int) and not isinstance(count, bool) and count > 0 else 0
