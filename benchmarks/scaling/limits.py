"""What the design itself allows, whatever the number of machines: arithmetic on the measured costs."""

from __future__ import annotations

import math

from benchmarks.scaling.costs import MOST_SHARED, Costs
from benchmarks.scaling.placement import default_shards
from benchmarks.scaling.plan import HEADROOM, Host
from revurb.bus.brokered.held_counts import TELL_EVERY_S
from revurb.bus.redis.keys import CLUSTER_PARTITIONS
from revurb.bus.redis.node_removal import CHANNELS_PER_SCRIPT
from revurb.bus.redis.pace import SPARING_SHARE

SHARDS_SHOWN = (2, 4, 8, 16, 32, 64, 128, 256)
ONE_SHARD_US = HEADROOM * 1e6  # in a second


def rows(costs: Costs, sizes: tuple[int, ...], host: Host) -> list[list[str]]:
    """Header and rows; a column for each number of connections, with as many processes as hold them."""
    each, workers = host.connections_per_process, host.workers
    processes = [max(1, -(-size // each)) for size in sizes]
    hosts = [-(-count // workers) for count in processes]
    sending_us = [count * (costs.redis_write_us + costs.redis_send_us) for count in hosts]
    shared_us = [
        costs.redis_publish_us + count * (costs.redis_write_us / MOST_SHARED + costs.redis_send_us)
        for count in hosts
    ]
    counting_us = [count / TELL_EVERY_S * costs.redis_count_us for count in processes]
    alone_us = [costs.redis_publish_us + us for us in sending_us]
    return [
        ["", *(f"{size:,}" for size in sizes)],
        [f"worker processes, {each:,} connections each", *(f"{count:,}" for count in processes)],
        [f"hosts of {workers} of them", *(f"{count:,}" for count in hosts)],
        ["connections to each Redis, two for each host", *(f"{2 * count:,}" for count in hosts)],
        [
            "one channel that everybody is on, an event a second: of its shard",
            *(_share(us) for us in alone_us),
        ],
        [
            "... its subscribers, who come and go all the time, counted once a second by each process: of its shard",
            *(_share(us) for us in counting_us),
        ],
        [
            "... events a second, at most: one shard",
            *(
                f"{max(0.0, ONE_SHARD_US - counting) / us:,.0f}"
                for us, counting in zip(shared_us, counting_us, strict=True)
            ),
        ],
        [
            f"... events a second, at most: a process that delivers each {each:,} times",
            *(f"{HEADROOM * 1e6 / (each * costs.send_us):,.1f}" for _ in sizes),
        ],
        [
            "... one event: until Redis has sent it to the last host",
            *(f"{us / 1000:,.1f} ms" for us in sending_us),
        ],
        [
            "one app whose connections come and go all the time: of one shard, at most",
            *(_share(us) for us in counting_us),
        ],
        [
            "... its count asked for once a second: of one shard, more",
            *(_share(2 * count * costs.redis_count_us) for count in processes),
        ],
        [
            "one app with a limit on connections: questions until an eighth of it is left",
            *(f"{questions(count):,.0f}" for count in processes),
        ],
        [
            "... while it is full: connections that come, a second, at most",
            *(f"{ONE_SHARD_US / costs.redis_admit_us:,.0f}" for _ in sizes),
        ],
        [
            f"a process with {each:,} channels is killed: Redis' work for it, all shards together",
            *(f"{each * costs.redis_goodbye_us / 1e6:,.1f} s" for _ in sizes),
        ],
        [
            "... and how long that takes, with its pauses",
            *(f"{removal_s(costs, each):,.1f} s" for _ in sizes),
        ],
    ]


def questions(processes: int) -> float:
    """To Redis, by all processes together, until of the places below a limit an eighth is free. Each time a process is
    lent half of what is free, divided by their number (revurb/bus/redis/connection_scripts.py)."""
    left_of_each_round = (1 - 1 / (2 * processes)) ** processes
    return processes * max(1, math.ceil(math.log(1 / 8) / math.log(left_of_each_round)))


def removal_s(costs: Costs, channels: int, partitions: int = CLUSTER_PARTITIONS) -> float:
    """Of a dead process: a step looks at a partition, or removes some channels of it, and the next one begins when it
    has taken its share of the time."""
    steps = partitions * (1 + math.ceil(channels / partitions / CHANNELS_PER_SCRIPT))
    work_us = channels * costs.redis_goodbye_us + steps * costs.round_trip_us
    return work_us / SPARING_SHARE / 1e6


def slot_rows() -> list[list[str]]:
    """How the partitions fall on the servers of a Redis Cluster that redis-cli has made."""
    found = [["shards", *map(str, SHARDS_SHOWN)]]
    by_default = [default_shards(shards) for shards in SHARDS_SHOWN]
    counts = [
        [of.count(shard) for shard in range(shards)]
        for of, shards in zip(by_default, SHARDS_SHOWN, strict=True)
    ]
    found.append(["partitions on the fullest, slots dealt out evenly", *(str(max(each)) for each in counts)])
    found.append(["... on the emptiest", *(str(min(each)) for each in counts)])
    found.append(
        [
            "on the fullest, partitions dealt out evenly",
            *(str(-(-CLUSTER_PARTITIONS // shards)) for shards in SHARDS_SHOWN),
        ]
    )
    return found


def _share(us_per_s: float) -> str:
    """Of the one thread of a Redis."""
    return f"{us_per_s / 1e4:,.2g} %" if us_per_s < 1e5 else f"{us_per_s / 1e4:,.0f} %"
