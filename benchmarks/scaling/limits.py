"""What the design itself allows, whatever the number of machines: arithmetic on the measured costs."""

from __future__ import annotations

from benchmarks.scaling.costs import MOST_SHARED, Costs
from benchmarks.scaling.placement import default_shards
from benchmarks.scaling.plan import HEADROOM, Host
from revurb.bus.brokered.count_reporter import REPORT_EVERY_S
from revurb.bus.redis.keys import PARTITIONS

SHARDS_SHOWN = (2, 4, 8, 16, 32, 64)
OUTPUT_BUFFER_BYTES = 32e6  # the hard limit of Redis' client-output-buffer-limit pubsub


def rows(costs: Costs, sizes: tuple[int, ...], host: Host) -> list[list[str]]:
    """Header and rows; a column for each number of connections, with as many processes as hold them."""
    each = host.connections_per_process
    processes = [max(1, -(-size // each)) for size in sizes]
    sending_us = [count * (costs.redis_write_us + costs.redis_send_us) for count in processes]
    shared_us = [
        costs.redis_publish_us + count * (costs.redis_write_us / MOST_SHARED + costs.redis_send_us)
        for count in processes
    ]
    one_shard_us = HEADROOM * 1e6
    counting_us = [count / REPORT_EVERY_S * costs.redis_count_us for count in processes]
    return [
        ["", *(f"{size:,}" for size in sizes)],
        [f"worker processes, {each:,} connections each", *(f"{count:,}" for count in processes)],
        ["connections to each Redis, two for each process", *(f"{2 * count:,}" for count in processes)],
        [
            "one channel that everybody is on: events a second, at most",
            *(f"{one_shard_us / us:,.0f}" for us in shared_us),
        ],
        [
            "... one event: until Redis has sent it to the last process",
            *(f"{us / 1000:,.1f} ms" for us in sending_us),
        ],
        [
            "one app whose connections come and go all the time: of one Redis, at most",
            *(f"{us / 1e4:,.1f} %" for us in counting_us),
        ],
        [
            "one app with a limit on connections: that come, a second",
            *(f"{one_shard_us / costs.redis_admit_us:,.0f}" for _ in processes),
        ],
        [
            "everyone on a channel of their own: Redis' work when all shards were away, together",
            *(f"{size * costs.redis_hello_us / 1e6:,.0f} s" for size in sizes),
        ],
        [
            f"a process with {each:,} channels is killed: Redis' work for it, all shards together",
            *(f"{each * costs.redis_goodbye_us / 1e6:,.1f} s" for _ in processes),
        ],
    ]


def slot_rows() -> list[list[str]]:
    """How the 64 partitions fall on the servers of a Redis Cluster that redis-cli has made."""
    found = [["shards", *map(str, SHARDS_SHOWN)]]
    by_default = [default_shards(shards) for shards in SHARDS_SHOWN]
    found.append(
        [
            "partitions on the fullest, slots dealt out evenly",
            *(str(max(map(of.count, of))) for of in by_default),
        ]
    )
    found.append(
        [
            "shards without any",
            *(str(shards - len(set(of))) for shards, of in zip(SHARDS_SHOWN, by_default, strict=True)),
        ]
    )
    found.append(
        [
            "on the fullest, partitions dealt out evenly",
            *(str(-(-PARTITIONS // shards)) for shards in SHARDS_SHOWN),
        ]
    )
    return found
