"""Which nodes are alive: each renews a lease. When a lease has ended, another node removes what its node held.

A node may hold something without a lease: buried while it lived, it may take in a member and die before its next
renewal. Whoever holds anything is listed with it, in the same step (`Keys.holders`). One node at a time looks through
these lists, and gives a lease to those that have none, so that they are removed when it has ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
import time
from collections.abc import Callable
from typing import Any

from revurb.bus.redis.cancellation import cancel_and_wait
from revurb.bus.redis.command_queue import CommandQueue, RedisUnavailable
from revurb.bus.redis.invalid_values import InvalidValues
from revurb.bus.redis.keys import Keys
from revurb.bus.redis.node_notes import NodeNotes
from revurb.bus.redis.node_removal import NodeRemoval
from revurb.bus.redis.refusals import UnusableValue
from revurb.bus.redis.scripts import Scripts
from revurb.bus.redis.session_tasks import SessionTasks

_log = logging.getLogger(__name__)

RENEWALS_PER_LEASE = 4
PARTITIONS_AT_ONCE = 64  # in which to look for nodes without a lease
CLAIM_LEASES = 1  # after which the next node removes what a dead one held, if who does it is not heard of


class NodeLeases:
    """The lease of `node`, and the removal of nodes whose lease has ended. `on_break` ends the session with Redis."""

    def __init__(
        self,
        node: str,
        keys: Keys,
        scripts: Scripts,
        commands: CommandQueue,
        removal: NodeRemoval,
        notes: NodeNotes,
        lease_s: float,
        tasks: SessionTasks,
        invalid: InvalidValues,
        on_break: Callable[[RedisUnavailable], None],
    ) -> None:
        self._node = node
        self._keys = keys
        self._scripts = scripts
        self._commands = commands
        self._removal = removal
        self._notes = notes
        self._lease_s = lease_s
        self._lease_ms = int(lease_s * 1000)
        self._tasks = tasks
        self._invalid = invalid
        self._on_break = on_break
        self._epoch = ""
        self.had_ended = False  # or had never begun, when it was acquired
        self._certain_until = 0.0  # by time.monotonic
        self._now_ms = 0  # of Redis' clock, at the last renewal
        self._removing: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    async def agree_on_partitions(self, mine: int | None, wanted: int) -> int:
        """How many partitions the cluster has: `mine`, if this node has been in it, or those that another has found,
        or `wanted` if it is a new one."""
        return int(
            await self._commands.ask_script(
                self._scripts.agree_on_partitions,
                (self._keys.partition_count, self._keys.leases),
                ("" if mine is None else mine, wanted),
            )
        )

    async def acquire(self) -> str:
        """Acquire the lease. Returns the epoch of this Redis, which changes when it loses its data."""
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._renew(lambda value: None if reply.done() else reply.set_result(value))
        now_ms, epoch, is_new, _ = await reply
        self.had_ended = bool(is_new)
        self._now_ms, self._epoch = int(now_ms), _text(epoch)
        return self._epoch

    def start(self) -> None:
        """Renew the lease periodically from now on."""
        self._task = asyncio.get_running_loop().create_task(self._keep_renewing())

    async def stop(self) -> None:
        """Stop renewing. The lease ends by itself."""
        await cancel_and_wait(self._task)

    def count_live(self, done: Callable[[int], None]) -> None:
        """`done` gets the number of nodes whose lease has not ended."""
        self._commands.run_command("ZCOUNT", self._keys.leases, f"({self._now_ms}", "+inf", done=done)

    async def goodbye(self) -> None:
        """Remove what this node holds, and its lease."""
        await self._removal.remove(self._node, entirely=True)
        self._notes.announce_gone(self._node)
        await self._commands.ask("ZREM", self._keys.leases, self._node)

    async def _keep_renewing(self) -> None:
        while True:
            await asyncio.sleep(self._lease_s / RENEWALS_PER_LEASE * random.uniform(0.8, 1))
            self._renew(self._renewed)

    def is_certain(self) -> bool:
        """Whether the lease has certainly not ended, whatever happened since this node last heard of it."""
        return time.monotonic() < self._certain_until

    def _renew(self, done: Callable[[Any], Any]) -> None:
        sent_at = time.monotonic()

        def renewed(reply: Any) -> None:
            self._certain_until = sent_at + self._lease_s
            done(reply)

        self._commands.run_script(
            self._scripts.renew_lease,
            (self._keys.leases, self._keys.epoch, self._keys.partition_count),
            (self._node, self._lease_ms, secrets.token_hex(8), self._keys.partitions),
            renewed,
        )

    def _renewed(self, reply: Any) -> None:
        now_ms, epoch, is_new, partitions = reply
        self._now_ms = int(now_ms)
        if _text(epoch) != self._epoch:
            self._on_break(RedisUnavailable("redis has lost its memory"))
        elif int(partitions) != self._keys.partitions:
            self._on_break(RedisUnavailable(f"the cluster has {int(partitions)} partitions now"))
        elif is_new:
            self._on_break(RedisUnavailable("the lease had ended"))
        else:
            self._commands.run_script(
                self._scripts.claim_removals,
                (self._keys.leases, self._keys.removal_claims),
                (int(CLAIM_LEASES * self._lease_ms), *self._removing),
                self._remove_nodes,
            )
            self._commands.run_command(
                "SET", self._keys.orphan_check, self._node, "NX", "PX", max(1, self._lease_ms // 2),
                done=lambda reply: self._tasks.start(self._find_orphans()) if reply else None,
            )  # fmt: skip

    def _remove_nodes(self, nodes: Any) -> None:
        """Remove what nodes held whose leases have ended. The claim only saves work: several nodes may remove the same
        one, since every step sets something absolute."""
        for name in nodes:
            try:
                node = name.decode()
            except UnicodeDecodeError as error:
                self._invalid.report(self._keys.leases, error)
                self._commands.run_command("ZREM", self._keys.leases, name)
                continue
            if node not in self._removing:
                self._removing.add(node)
                self._tasks.start(self._remove_node(node))

    async def _remove_node(self, node: str) -> None:
        try:
            await self._removal.bury(node)
            keys = (self._keys.leases, self._keys.removal_claims)
            if await self._commands.ask_script(self._scripts.end_removal, keys, (node,)):
                _log.warning("node did not come back, its members are removed", extra={"node": node})
                self._notes.announce_gone(node)
        except UnusableValue:
            pass  # the claim ends, and somebody tries again
        finally:
            self._removing.discard(node)

    async def _find_orphans(self) -> None:
        with contextlib.suppress(UnusableValue):
            await self._grant_leases()

    async def _grant_leases(self) -> None:
        """Give a lease to every node that holds something in the next partitions and has none."""
        holders: set[bytes] = set()
        asked = [(key, self._commands.ask("SMEMBERS", key)) for key in self._next_holders()]
        for key, reply in asked:
            for name in await reply:
                try:
                    name.decode()
                except UnicodeDecodeError as error:
                    self._invalid.report(key, error)
                    self._commands.run_command("SREM", key, name)
                else:
                    holders.add(name)
        orphans = holders.difference(await self._commands.ask("ZRANGE", self._keys.leases, 0, -1))
        for name in orphans:
            _log.warning("a node holds something and has no lease", extra={"node": name.decode()})
            self._commands.run_script(self._scripts.grant_lease, (self._keys.leases,), (name, self._lease_ms))

    def _next_holders(self) -> list[str]:
        """The lists of those partitions whose turn it is, whoever looked last."""
        holders, turn = self._keys.holders, self._now_ms // max(1, self._lease_ms // 2)
        first = turn * PARTITIONS_AT_ONCE % len(holders)
        return holders[first : first + PARTITIONS_AT_ONCE]


def _text(epoch: bytes) -> str:
    return epoch.decode("utf-8", "backslashreplace")
