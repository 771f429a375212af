"""Which nodes are alive: each renews a lease. When a lease has ended, another node removes what its node held."""

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
CLAIM_LEASES = 3  # how many leases a node has to remove what another held, before the next node does it


class NodeLeases:
    """The lease of `node`, and the removal of nodes whose lease has ended. `on_break` ends the session with Redis."""

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
        self._now_ms = 0  # of Redis' clock, at the last renewal
        self._task: asyncio.Task[None] | None = None

    async def acquire(self) -> str:
        """Acquire the lease. Returns the epoch of this Redis, which changes when it loses its data."""
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._renew(lambda value: None if reply.done() else reply.set_result(value))
        now_ms, epoch, _ = await reply
        self._now_ms, self._epoch = int(now_ms), epoch.decode()
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

    def goodbye(self, then: Callable[[], None]) -> None:
        """Remove what this node holds, and its lease; `then` is called when that is done."""

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
        """Remove what nodes held whose leases have ended. The claim only saves work: several nodes may remove the same
        one, since every step sets something absolute."""
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
