"""The workers of a server: one slot for each, and which worker accepts on which sockets.

Every worker inherits all sockets, and accepts on those of its own slot. The kernel also spreads new clients to the
sockets of a slot without a worker, so another worker accepts on these meanwhile (`assign_orphaned_sockets`); otherwise
such clients would wait in a queue that no process serves.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
from collections.abc import Sequence
from dataclasses import replace

from revurb.processes.binding import Binding
from revurb.processes.child import Child, ChildCommand, exit_text
from revurb.processes.connection_tokens import ConnectionTokens
from revurb.processes.hub_socket import HubSocket
from revurb.processes.invocation import Invocation
from revurb.processes.pool_service import PoolService
from revurb.processes.reaper import Reaper
from revurb.processes.shared_ticket_keys import SharedTicketKeys
from revurb.processes.slot import ExitHandler, Slot, StartErrorHandler
from revurb.processes.supervision_link import Adopt, Release
from revurb.processes.templates import Templates

_log = logging.getLogger(__name__)

STOP_ACCEPTING_S = 5.0  # for a worker to act on Drain; one whose loop is blocked does not


class ChangeSignal:
    """Wakes all tasks that wait for a condition, so that each checks its own again."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self) -> None:
        event, self._event = self._event, asyncio.Event()
        event.set()

    async def wait(self) -> None:
        """Returns at the next `notify`. The caller checks its condition before and after."""
        await self._event.wait()


class WorkerPool:
    """The slots of the workers, "worker 0" and so on. `hub` is how the hub that connects them is reached.
    `changes` is notified whenever a worker became ready, began to drain or exited. `templates`
    are for those that start together; without, each is a fresh interpreter."""

    def __init__(
        self,
        invocation: Invocation,
        binding: Binding,
        hub: HubSocket,
        reaper: Reaper,
        changes: ChangeSignal,
        on_unexpected_exit: ExitHandler,
        on_start_error: StartErrorHandler,
        max_connections: int | None,
        templates: Templates | None = None,
    ) -> None:
        self._invocation = invocation
        self._binding = binding
        self._hub = hub
        self._templates = templates
        self._reaper = reaper
        self._changes = changes
        self._on_unexpected_exit = on_unexpected_exit
        self._on_start_error = on_start_error
        self._tokens = _tokens(max_connections)
        self._ticket_keys = SharedTicketKeys() if hasattr(os, "memfd_create") else None
        # Number of a slot without a worker -> the one that accepts on its sockets meanwhile.
        self._adopters: dict[int, Child] = {}
        self._ends_now = False
        self.service = PoolService()
        self.slots = [self._make_slot(number) for number in range(len(binding.slots))]

    @property
    def serving(self) -> list[Child]:
        """The workers in their slots that take new clients."""
        return [slot.child for slot in self.slots if slot.child is not None and slot.child.serves]

    @property
    def connected_to_hub(self) -> int:
        """How many workers are connected to the hub: all that have been ready and have not exited, in their slots or
        not."""
        return sum(child.has_been_ready and child.exited_with is None for child in self.children)

    def died_within(self, seconds: float) -> int:
        """In how many slots a worker has died lately, and how many are dead whose last messages are still read: the
        death of a worker and that of the hub come in any order if both die at once."""
        since = asyncio.get_running_loop().time() - seconds
        known = sum(slot.died_at is not None and slot.died_at >= since for slot in self.slots)
        return known + sum(child.has_been_ready and bool(child.exited_with) for child in self.children)

    @property
    def children(self) -> list[Child]:
        """All workers, in their slots or not."""
        return [child for slot in self.slots for child in slot.children]

    async def announce_drain(self, delay_s: float) -> None:
        """Have all workers, also those that start meanwhile, say that they drain, while they accept clients. Returns
        after `delay_s` seconds, or when `end_now` is called."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay_s):
                while not self._ends_now:
                    for child in self.serving:
                        child.announce_drain()
                    await self._changes.wait()

    def end_now(self) -> None:
        """Have all workers exit without waiting for their clients; none takes their place."""
        self._ends_now = True
        for slot in self.slots:
            slot.close()
        for child in self.children:
            child.end_now()

    def assign_orphaned_sockets(self) -> None:
        """See to it that the sockets of each slot are accepted on: by its own worker, else by the worker with the
        fewest clients."""
        serving = self.serving
        for number, slot in enumerate(self.slots):
            adopter = self._adopters.get(number)
            if slot.serves:
                if adopter is not None:
                    del self._adopters[number]
                    adopter.send(Release(number))
            elif (adopter is None or not adopter.serves) and serving:
                adopter = min(serving, key=lambda child: (child.heartbeat.connections, child.name))
                self._adopters[number] = adopter
                adopter.send(Adopt(number))

    async def reload_certificates(self) -> str | None:
        """Have all workers that serve read the TLS certificate again. Returns why the old one stays in use in one of
        them; None if it does in none."""
        problems = await asyncio.gather(*(child.reload_certificate() for child in self.serving))
        return next((problem for problem in problems if problem is not None), None)

    async def reload_apps(self, app_id: str | None) -> int | None:
        """Have one worker tell all nodes to read an app again, or all. Returns how many do; None if no worker
        answers."""
        for child in self.serving:
            nodes = await child.reload_apps(app_id)
            if nodes is not None:
                return nodes
        return None

    async def wait_for_room(self, relays: Sequence[Slot] = ()) -> None:
        """Returns when the log of the host has slots for one worker more in each slot, beside the hub, and for one
        process more in each of `relays`: when enough of those that drain after earlier restarts have ended."""
        is_told = False
        while len(self.children) + len(self.slots) > (at_most := self._room(relays)):
            if not is_told:
                is_told = True
                _log.warning(
                    "restart waits until workers of earlier ones have drained",
                    extra={"workers": len(self.children), "at_most": at_most},
                )
            await self._changes.wait()

    def _room(self, relays: Sequence[Slot]) -> int:
        """How many workers have slots in the log, beside the hub, or beside the relays and those in whose place they
        come."""
        others = 1 + sum(max(1, len(slot.children)) for slot in relays)
        return (len(self._hub.log.wakes) - others) // self._hub.slots_of_worker

    async def replace(self, max_connections: int | None, relays: Sequence[Slot] = ()) -> str | None:
        """Start a new worker for each slot, and a new process for each of `relays`. When all of them are ready, they
        take the slots, and the old ones drain; these take no new clients when this returns None. If a new one cannot
        run, the old ones stay, the new ones are dismissed, and the reason is returned. `max_connections` is for the new
        ones; where it has changed, the connections of the old ones do not count, which are leaving."""
        before = self._tokens
        if max_connections != (None if before is None else before.limit):
            try:
                self._tokens = _tokens(max_connections)
            except OSError as error:  # no file descriptor is left
                return f"limits.max_connections cannot be shared by the workers: {error}"
        if self._templates is None:
            reason = await self._replace((*self.slots, *relays))
        else:
            self._templates.begin()
            try:
                reason = await self._replace((*self.slots, *relays))
            finally:
                self._templates.end()
        unused = self._tokens if reason is not None else before
        self._tokens = before if reason is not None else self._tokens
        if unused is not None and unused is not self._tokens:
            unused.retire()
        return reason

    async def _replace(self, slots: Sequence[Slot]) -> str | None:
        starts = [asyncio.ensure_future(slot.start_another()) for slot in slots]
        await asyncio.wait(starts)
        children = [task.result() for task in starts if task.exception() is None]
        while not all(child.has_been_ready for child in children) and not any(
            child.is_over for child in children
        ):
            await self._changes.wait()
        exited = [child for child in children if child.is_over]
        if exited or len(children) < len(starts):
            for slot in slots:
                for child in slot.others.intersection(children):
                    slot.dismiss(child)
            return _start_error(exited)
        old = [slot.child for slot in slots if slot.child is not None]
        for slot, child in zip(slots, children, strict=True):
            slot.failures_in_a_row = 0
            slot.put(child)
        if old:
            await asyncio.wait([child.stopped_accepting for child in old], timeout=STOP_ACCEPTING_S)
        return None

    def _make_slot(self, number: int) -> Slot:
        def command() -> ChildCommand:
            return self._command(number)

        def on_change() -> None:
            self.assign_orphaned_sockets()
            self.service.tell(self.serving)
            self._changes.notify()

        return Slot(
            f"worker {number}",
            command,
            self._reaper,
            on_change=on_change,
            on_unexpected_exit=self._on_unexpected_exit,
            on_start_error=self._on_start_error,
        )

    def _command(self, number: int) -> ChildCommand:
        binding = self._binding
        tcp = (f"{n}:{','.join(str(s.fileno()) for s in socks)}" for n, socks in enumerate(binding.slots))
        command = ChildCommand(
            module="revurb.processes.worker",
            arguments=(
                *("--slot", str(number)),
                *(argument for text in tcp for argument in ("--tcp", text)),
                *(() if binding.unix is None else ("--unix", str(binding.unix.fileno()))),
                *("--hub-socket", self._hub.address, "--relayed"),
                *("--event-log", self._hub.log.argument()),
                *(("--has-joined",) if any(slot.has_joined for slot in self.slots) else ()),
                *self._invocation.arguments(),
            ),
            fds=(*binding.fds(), *self._hub.log.all),
            place=self._invocation.place(),
            templates=self._templates,
        )
        if self._ticket_keys is not None:
            command = _with_ticket_keys(command, self._ticket_keys)
        return command if self._tokens is None else _sharing(command, self._tokens)


def _with_ticket_keys(command: ChildCommand, keys: SharedTicketKeys) -> ChildCommand:
    keys.keep_renewing()
    return replace(
        command, arguments=("--ticket-keys", str(keys.fd), *command.arguments), fds=(*command.fds, keys.fd)
    )


def _sharing(command: ChildCommand, tokens: ConnectionTokens) -> ChildCommand:
    """The command of a worker that has a share of the tokens until it is over."""
    row = tokens.share()
    share = ",".join(map(str, (*tokens.fds, row)))
    return replace(
        command,
        arguments=("--connection-tokens", share, *command.arguments),
        fds=(*command.fds, *tokens.fds),
        on_over=functools.partial(tokens.settle, row),
    )


def _tokens(max_connections: int | None) -> ConnectionTokens | None:
    """None also where the system has no eventfd(2): each worker counts its own connections there."""
    if max_connections is None or not hasattr(os, "eventfd"):
        return None
    return ConnectionTokens(max_connections)


def _start_error(exited: list[Child]) -> str:
    """Why the new workers cannot take over: `exited` are those that ended, none if one could not be started at all."""
    for child in exited:
        if child.failure is not None:
            return "; ".join(child.failure.problems)
    if exited:
        how = exit_text(exited[0].exit_code.result())
        return f"a new {exited[0].name} ended before it was ready ({how})"
    return "a new worker cannot be started"
