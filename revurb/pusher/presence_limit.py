"""The limit of the members of a presence channel: who may still join it.

Whoever would be one too many is not let in, and nobody is told of it. The members are asked for before; where several
join at once, through several nodes, all of them may be let in. So each is looked for again in the list that it is
confirmed with, which the bus has made in the same step: behind the limit it leaves again, and the others have seen it
come and go.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Sequence
from typing import Protocol

from revurb.pusher.errors import MemberLimitReached, SubscriptionRefused
from revurb.pusher.ports import Bus, ChannelSnapshot, ChannelState, EnterRequest, MaybeAwaitable, Member
from revurb.pusher.rate_limit import per_second
from revurb.pusher.session_state import NOWHERE, SessionState

_log = logging.getLogger(__name__)


class Entering(Protocol):
    """A subscription that the bus confirms by calling it."""

    def __call__(self, snapshot: ChannelSnapshot) -> None: ...

    def refuse(self, error: SubscriptionRefused) -> None:
        """The client may not subscribe: say so."""


def enter_unless_full(
    session: SessionState, request: EnterRequest, entering: Entering, user_id: str, limit: int
) -> None:
    """Enter a presence channel, now or once the bus has told who is there. Raises MemberLimitReached, or refuses
    later."""
    full = _is_full(session.bus, request.app_id, request.channel, user_id, limit)
    if isinstance(full, Awaitable):
        session.app_state.run(_enter_when_answered(session, request, entering, full))
    elif full:
        raise channel_full(session)
    else:
        session.bus.enter(request, entering)


def channel_full(session: SessionState) -> MemberLimitReached:
    """The error for a member too many. What the client subscribes to from now on is counted: it has made us ask the
    bus."""
    if session.resubscriptions is None:
        session.resubscriptions = per_second(session.app_state.app.max_subscriptions_per_second)
    return MemberLimitReached()


def is_one_too_many(members: Sequence[Member], user_id: str, limit: int) -> bool:
    """Whether the user came behind the first `limit` of `members`, which are in order of joining."""
    return len(members) > limit and not _has(members[:limit], user_id)


async def _enter_when_answered(
    session: SessionState, request: EnterRequest, entering: Entering, full: Awaitable[bool]
) -> None:
    try:
        is_refused = await full
        if session.outlet is NOWHERE:
            return
        if is_refused:
            entering.refuse(channel_full(session))
        else:
            session.bus.enter(request, entering)
    except Exception:
        _log.exception("subscribing failed", extra={"socket_id": session.socket_id})
        session.outlet.close(1011, "Internal error")


def _is_full(bus: Bus, app_id: str, channel: str, user_id: str, limit: int) -> MaybeAwaitable[bool]:
    """Whether a channel has `limit` members or more, and the user is not one of them."""
    states = bus.describe(app_id, (channel,))
    if isinstance(states, Awaitable):
        return _ask(bus, app_id, channel, user_id, limit, states)
    if states[0].user_count < limit:
        return False
    members = bus.members(app_id, channel)
    return _look(members, user_id) if isinstance(members, Awaitable) else not _has(members, user_id)


async def _ask(
    bus: Bus,
    app_id: str,
    channel: str,
    user_id: str,
    limit: int,
    states: Awaitable[Sequence[ChannelState]],
) -> bool:
    if (await states)[0].user_count < limit:
        return False
    members = bus.members(app_id, channel)
    return not _has(await members if isinstance(members, Awaitable) else members, user_id)


async def _look(members: Awaitable[Sequence[Member]], user_id: str) -> bool:
    return not _has(await members, user_id)


def _has(members: Sequence[Member], user_id: str) -> bool:
    return any(member.user_id == user_id for member in members)
