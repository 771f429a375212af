"""Which processes live: each renews a lease, and another one removes what a process held whose lease has ended."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections.abc import Callable
from typing import Any

from revurb.bus.redis.cancellation import cancel_and_wait
from revurb.bus.redis.command_queue import CommandQueue, RedisUnavailable
from revurb.bus.redis.keys import Keys
from revurb.bus.redis.node_notes import NodeNotes
from revurb.bus.redis.redis_ledger import RedisLedger
from revurb.bus.redis.scripts import Scripts

_log = logging.getLogger(__name__)

RENEWALS_PER_LEASE = 4
CLAIM_LEASES = 3  # how long a process has for removing what another held, before the next one does it


class NodeLeases:
    """The lease of the process `node`, and the removal of others. `on_break` ends the session with Redis."""

    def __init__(
        self,
        node: str,
        keys: Keys,
        scripts: Scripts,
        commands: CommandQueue,
        ledger: RedisLedger,
        notes: NodeNotes,
        lease_s: float,
        on_break: Callable[[RedisUnavailable], None],
    ) -> None:
        self._node = node
        self._keys = keys
        self._scripts = scripts
        self._commands = commands
        self._ledger = ledger
        self._notes = notes
        self._lease_s = lease_s
        self._on_break = on_break
        self._epoch = ""
        self._now_ms = 0  # of Redis' clock, when it last said
        self._task: asyncio.Task[None] | None = None

    async def acquire(self) -> str:
        """Take the lease. Returns the epoch of this Redis: another one if it has lost its memory."""
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._renew(lambda value: None if reply.done() else reply.set_result(value))
        now_ms, epoch, _ = await reply
        self._now_ms, self._epoch = int(now_ms), epoch.decode()
        return self._epoch

    def start(self) -> None:
        """Renew the lease from now on."""
        self._task = asyncio.get_running_loop().create_task(self._keep_renewing())

    async def stop(self) -> None:
        await cancel_and_wait(self._task)

    def count_live(self, done: Callable[[int], None]) -> None:
        """`done` gets the number of processes whose lease has not ended."""
        self._commands.run_command("ZCOUNT", self._keys.leases, f"({self._now_ms}", "+inf", done=done)

    def goodbye(self, then: Callable[[], None]) -> None:
        """Remove what this process holds, and its lease; `then` is called when that is done."""

        def state_removed() -> None:
            self._notes.announce_gone(self._node)
            self._commands.run_command("ZREM", self._keys.leases, self._node, done=lambda reply: then())

        self._ledger.remove_node_state(self._node, frozenset(), state_removed, entirely=True)

    async def _keep_renewing(self) -> None:
        while True:
            await asyncio.sleep(self._lease_s / RENEWALS_PER_LEASE * random.uniform(0.8, 1))
            self._renew(self._renewed)

    def _renew(self, done: Callable[[Any], Any]) -> None:
        self._commands.run_script(
            self._scripts.renew_lease,
            (self._keys.leases, self._keys.epoch),
            (self._node, int(self._lease_s * 1000), secrets.token_hex(8)),
            done,
        )

    def _renewed(self, reply: Any) -> None:
        now_ms, epoch, is_new = reply
        self._now_ms = int(now_ms)
        if epoch.decode() != self._epoch:
            self._on_break(RedisUnavailable("redis has lost its memory"))
        elif is_new:
            self._on_break(RedisUnavailable("the lease had ended"))
        else:
            keys, claim_ms = (
                (self._keys.leases, self._keys.removal_claims),
                int(CLAIM_LEASES * self._lease_s * 1000),
            )
            self._commands.run_script(self._scripts.claim_removals, keys, (claim_ms,), self._remove_nodes)

    def _remove_nodes(self, nodes: Any) -> None:
        """Remove what processes held whose leases have ended. The claim saves work: several may be at it, since every
        step says something absolute."""
        for name in nodes:
            node = name.decode()

            def lease_removed(reply: Any, node: str = node) -> None:
                if reply:
                    _log.warning("node did not come back, its members are removed", extra={"node": node})
                    self._notes.announce_gone(node)

            def state_removed(node: str = node, lease_removed: Callable[[Any], None] = lease_removed) -> None:
                keys = (self._keys.leases, self._keys.removal_claims)
                self._commands.run_script(self._scripts.end_removal, keys, (node,), lease_removed)

            self._ledger.remove_node_state(node, frozenset(), state_removed, entirely=True)
