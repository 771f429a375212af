"""What is asked of every node of a cluster, and done by each: it travels as a survey of the bus.

So it goes over every engine as a status question does: to this process, to the workers of a host, to all nodes of a
Redis; a node of an older version answers nothing, and does nothing. What a node that is cut off has not heard is not
repeated.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from revurb.node.app_changes import AppChanges
from revurb.node.even_closing import EvenClosing
from revurb.pusher.ports import Bus, MaybeAwaitable
from revurb.pusher.reconnecting import (
    MAX_OVER_S,
    RECONNECT_CODE,
    RECONNECT_REASON,
    ForceReconnect,
    outlets_of,
)
from revurb.pusher.registry import Registry

RELOAD_DEADLINE_S = 5.0
DONE = b"done"


class ReloadApps(msgspec.Struct, tag="reload_apps", frozen=True):
    """Ask the provider of the apps again, for one of them or for all."""

    app_id: str | None = None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(ReloadApps | ForceReconnect).decode


class NodeRequests:
    """Does what is asked of this node. `answer_status` answers all other questions."""

    def __init__(
        self,
        answer_status: Callable[[bytes], MaybeAwaitable[bytes]],
        registry: Registry,
        apps: AppChanges,
        closing: EvenClosing,
    ) -> None:
        self._answer_status = answer_status
        self._registry = registry
        self._apps = apps
        self._closing = closing

    def answer(self, question: bytes) -> MaybeAwaitable[bytes]:
        """Answers a survey: at once, also where it begins something that takes long."""
        if not question.startswith(b"{"):
            return self._answer_status(question)
        try:
            request = _decode(question)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return b""  # of a later version
        if isinstance(request, ReloadApps):
            if not self._apps.are_looked_up:
                return b""
            self._apps.reload(request.app_id)
        else:
            outlets = outlets_of(self._registry, request)
            over_s = min(max(request.over_s, 0.0), MAX_OVER_S)  # on the bus it may be any number
            self._closing.begin(outlets, RECONNECT_CODE, RECONNECT_REASON, over_s, request.app_id)
        return DONE


async def reload_everywhere(bus: Bus, app_id: str | None) -> int:
    """Have every node ask for apps again. Returns how many have said that they do."""
    answers = bus.survey(_encode(ReloadApps(app_id)), RELOAD_DEADLINE_S)
    return sum(answer == DONE for answer in (await answers if isinstance(answers, Awaitable) else answers))
