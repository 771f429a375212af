"""How the hooks of a node hear of messages: a Dispatch and sessions that tell them. Without such hooks there are none
of these, and messages pass as they do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from revurb.config import Config
from revurb.node.connection_limit import CountedSession
from revurb.node.hook_loading import configured_hooks
from revurb.node.hook_runner import HookRunner
from revurb.observe.counters import Counters
from revurb.observe.refusal_log import RefusalLog
from revurb.pusher.dispatch import Dispatch
from revurb.pusher.hooked_messages import connection_of
from revurb.pusher.ports import DeliverableEvent, MaybeAwaitable
from revurb.pusher.registry import Registry
from revurb.pusher.session import Session

SurveyAnswerer: TypeAlias = Callable[[bytes], MaybeAwaitable[bytes]]


class HookedDispatch(Dispatch):
    """Tells what was sent."""

    __slots__ = ("_hooks",)

    def __init__(self, registry: Registry, status: SurveyAnswerer, hooks: HookRunner) -> None:
        super().__init__(registry, status)
        self._hooks = hooks

    def deliver(self, event: DeliverableEvent) -> int:
        receivers = super().deliver(event)
        if receivers:
            self._hooks.sent(event.app_id, event.channel, event.text, receivers)
        return receivers


class HookedSession(Session):
    """Tells what it receives."""

    __slots__ = ()

    def on_message(self, opcode: int, payload: bytes, now: float) -> None:
        hooks = self.app_state.hooks
        if hooks is not None:
            hooks.received(partial(connection_of, self), payload)
        super().on_message(opcode, payload, now)


class HookedCountedSession(HookedSession, CountedSession):
    """The same of one that has a token."""

    __slots__ = ()


def hook_runner(
    given: Sequence[object], config: Config, counters: Counters, log: RefusalLog
) -> HookRunner | None:
    """The hooks that are given, or those of the configuration; None without any. Raises ConfigError."""
    objects = given or configured_hooks(config)
    return HookRunner(objects, config.hooks, counters, log) if objects else None


def dispatch(registry: Registry, status: SurveyAnswerer, hooks: HookRunner | None) -> Dispatch:
    """The Receiver of a node; its registry gets the hooks."""
    registry.hooks = hooks
    if hooks is None or not hooks.is_told_of_sent:
        return Dispatch(registry, status)
    return HookedDispatch(registry, status, hooks)
