"""How many partitions the cluster has: no two nodes may disagree, since a channel's events have their order from the
log of its partition. The number is kept in Redis. A node that finds another one than its own uses that of the cluster.

A new cluster gets CLUSTER_PARTITIONS if it is a Redis Cluster, and PARTITIONS else. One that has another number keeps
it until no node has a lease: while any node runs, it publishes to the partitions that it knows, and whoever had gone
over to others would not hear that.
"""

from __future__ import annotations

import logging

from revurb.bus.redis.keys import CLUSTER_PARTITIONS, PARTITIONS
from revurb.bus.redis.link_memory import LinkMemory
from revurb.bus.redis.node_leases import NodeLeases

_log = logging.getLogger(__name__)


async def agree_on_partitions(leases: NodeLeases, memory: LinkMemory, *, is_cluster: bool) -> None:
    """Make the keys in `memory` those of the cluster. To be called before this node has its lease. Where it has known
    another number, `memory` forgets what it knows of topics and of the epoch: this is another Redis to it."""
    keys = memory.keys
    wanted = CLUSTER_PARTITIONS if is_cluster else PARTITIONS
    mine = keys.partitions if memory.epoch else None
    number = await leases.agree_on_partitions(mine, wanted)
    if number != keys.partitions:
        keys.use(number)
        memory.topics.clear()
        memory.epoch = "of other partitions" if memory.epoch else ""
    if number not in (wanted, mine):
        _log.warning(
            "the cluster has the partitions of an older version: it keeps them until all of its nodes are stopped",
            extra={"partitions": number, "of_a_new_cluster": wanted},
        )
