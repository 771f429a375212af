"""What operations cost, out of the records under benchmarks/results. Nothing is fitted to what is to be predicted."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.load.across import medians
from benchmarks.load.bus_costs import CROWD, PROCESSES, RECEIVERS, TEXT_BYTES
from benchmarks.load.generator import FRAME_OVERHEAD_BYTES
from benchmarks.load.meter import Figures
from benchmarks.load.recording import RESULTS

RECORDED_BY = {
    "load.json": "python -m benchmarks.load --write",
    "across.json": "python -m benchmarks.load.across --write",
    "scaling.json": "python -m benchmarks.scaling --write",
    "horizontal.json": "python -m benchmarks.load.horizontal --write",
}
# Of the kernel for an idle TCP connection, beside the process: /proc/slabinfo of Linux 6.18 says TCP 2,368,
# sock_inode_cache 832, filp 192, dentry 192, eventpoll_epi 128. Buffers of connections that are slow come on top.
KERNEL_BYTES = 3712
MOST_SHARED = 100.0  # in a turn: what was measured
PACKET_BYTES = 66  # Ethernet, IPv4, TCP with time stamps, around each frame that is sent by itself

LEASE_COMMANDS = 3  # of a renewal: revurb/bus/redis/node_leases.py
# Of a host whose workers share a link to Redis, until `across` has measured one. A relay takes for its link what a node
# takes for its own; a command of a worker, and reading the log, took as much in a trial; waking is the difference that
# `benchmarks.load.workers` has between an event from the same worker and one from the other.
PROVISIONAL_COMMAND_US = 4.0
PROVISIONAL_LOG_US = 0.65
PROVISIONAL_WAKE_US = 12.0


class NotRecorded(Exception):
    """A record is missing; the text says which command makes it."""


@dataclass(frozen=True, slots=True)
class Costs:
    """CPU in us, memory and traffic in bytes. `node_` is a worker process, `redis_` the one thread of a Redis.

    What shares a turn of an event loop shares its fixed part (`_turn_us`: waking, system calls, the pipeline), and has
    a part of its own.
    """

    connect_us: float  # handshake and one subscription, without the bus
    leave_us: float
    request_us: float  # a publish over HTTP, without bus and deliveries
    send_us: float  # a frame to a socket, alone in its turn
    send_more_us: float  # one more to the same socket in the same turn
    list_member_us: float  # a member in the list that who joins is sent
    node_turn_us: float  # commands to Redis of one turn
    node_publish_us: float
    node_enter_us: float
    node_count_us: float
    node_leave_us: float
    node_join_us: float
    node_part_us: float
    node_read_us: float  # events from Redis of one turn
    node_receive_us: float
    node_lease_us: float  # a renewal, and what is asked with it
    node_heartbeat_us: float
    node_cluster_heartbeat_us: float  # ... in a Cluster, without what there is more of with each server
    node_script_us: float  # one of those
    relay_turn_us: float  # commands of a host's workers to one Redis
    relay_command_us: float
    relay_read_us: float  # events from one Redis
    relay_receive_us: float
    relay_server_us: float  # each further Redis in such a turn
    log_wake_us: float  # of a worker that reads what the relay has received
    log_read_us: float
    redis_turn_us: float
    redis_publish_us: float
    redis_write_us: float  # for each connection that events go to in one turn of Redis
    redis_send_us: float  # for each event and connection
    redis_wake_us: float  # in place of `redis_write_us`, if a process on the same machine is woken by that
    redis_enter_us: float
    redis_count_us: float
    redis_leave_us: float
    redis_join_us: float
    redis_part_us: float
    redis_list_member_us: float
    redis_lease_us: float  # apart from its turn
    redis_heartbeat_us: float  # of one server, apart from its turn; its message with it
    redis_script_us: float  # one of those of a Cluster's heartbeat
    redis_look_us: float  # for each event in the log, and each process that was away
    redis_admit_us: float  # a connection of an app with a limit, where none is lent
    redis_hello_us: float  # for each channel of a process, after a break
    redis_goodbye_us: float  # for each channel of a process that has died
    node_goodbye_us: float  # ... of the process that removes them
    cluster_share: float  # what commands cost a client of a Cluster, to what they cost one of a single server
    redis_cluster_share: float  # ... publishing costs a server of a Cluster
    round_trip_us: float
    frame_bytes: int  # around an event's data, to a client
    event_in_bytes: float  # around an event's text, to Redis
    event_out_bytes: float  # around an event's text, from Redis to each receiver
    entry_bytes: float  # around an event's text, in the log
    redis_channel_bytes: float  # for each process that is on it
    redis_member_bytes: float
    redis_connection_bytes: float
    process_bytes: float  # a worker without connections
    connection_bytes: float
    node_channel_bytes: float

    @classmethod
    def read(cls, results: Path = RESULTS) -> Costs:
        """Raises NotRecorded."""
        return cls.of(_load_figures(read_record("load.json", results)), medians(_rounds(results)))

    @classmethod
    def of(cls, load: dict[str, Figures], across: Figures) -> Costs:
        """Of the medians of both records."""
        small_send_us = _slope(load["publish"], load["channels"], "cpu_us_per_event", 1, 5)
        turn_us, publish_us = _split(across["publish_1.node_us"], across["spread_100.node_us"])
        read_us, receive_us = _split(across["publish_1.receive_us"], across["publish_100.receive_us"])
        sends = {
            batch: _line([(each, across[f"publish_{batch}_to_{each}.redis_us"]) for each in RECEIVERS])
            for batch in (1, 100)
        }
        redis_turn_us, redis_publish_us = _split(sends[1][0], across["spread_100.redis_us"])
        redis_write_us, redis_send_us = _split(sends[1][1], sends[100][1])
        out = {each: across[f"publish_100_to_{each}.redis_out_bytes"] for each in (0, max(RECEIVERS))}
        members = CROWD + 25  # those who were there, and half of those who joined meanwhile
        list_us = max(0.0, across[f"join_{CROWD}.redis_us"] - across["join_0.redis_us"]) / members
        idle = load["idle"]
        cluster_share = max(1.0, across["cluster_spread_100.node_us"] / across["spread_100.node_us"])
        script_us = across["count_100.node_us"] * cluster_share
        return cls(
            connect_us=load["connect"]["cpu_us_per_connect"],
            leave_us=load["joins"]["leave_us_100"],
            request_us=max(0.0, load["publish"]["cpu_us_per_event"] - small_send_us),
            # At a pace that leaves a node time to sleep, as one under its headroom has; flat out it is less.
            send_us=load["latency"]["cpu_us_per_delivery"],
            send_more_us=_send_more_us(load),
            list_member_us=max(0.0, load["joins"]["join_us_1000"] - load["joins"]["join_us_100"]) / 900
            + max(0.0, across[f"join_{CROWD}.node_us"] - across["join_0.node_us"]) / members,
            node_turn_us=turn_us,
            node_publish_us=publish_us,
            node_enter_us=across["enter_100.node_us"],
            node_count_us=across["count_100.node_us"],
            node_leave_us=across["leave_100.node_us"],
            node_join_us=_without_turn(across["join_0.node_us"], turn_us, across["enter_100.node_us"]),
            node_part_us=_without_turn(across["part_0.node_us"], turn_us, across["leave_100.node_us"]),
            node_read_us=read_us,
            node_receive_us=receive_us,
            node_lease_us=across["lease.node_us"],
            node_heartbeat_us=across["heartbeat.node_us"],
            node_cluster_heartbeat_us=max(
                0.0, across["cluster_heartbeat.node_us"] - across["cluster_heartbeat.scripts"] * script_us
            ),
            node_script_us=script_us,
            relay_server_us=max(
                0.0,
                (across["listen_64_1.receive_us"] - across["listen_1_1.receive_us"]) / 63
                - across["listen_1_100.receive_us"],
            ),
            **_of_a_host(load, across, (turn_us, read_us, receive_us)),
            redis_turn_us=redis_turn_us,
            redis_publish_us=redis_publish_us,
            redis_write_us=redis_write_us,
            redis_send_us=redis_send_us,
            redis_wake_us=max(
                redis_write_us,
                across["publish_1.redis_us"] - across["publish_1_to_0.redis_us"] - redis_send_us,
            ),
            redis_enter_us=across["enter_100.redis_us"],
            redis_count_us=across["count_100.redis_us"],
            redis_leave_us=across["leave_100.redis_us"],
            redis_join_us=_without_turn(
                across["join_0.redis_us"], redis_turn_us, across["enter_100.redis_us"]
            ),
            redis_part_us=_without_turn(
                across["part_0.redis_us"], redis_turn_us, across["leave_100.redis_us"]
            ),
            redis_list_member_us=list_us,
            redis_lease_us=_without_turn(
                across["lease.redis_us"], redis_turn_us, LEASE_COMMANDS * across["count_100.redis_us"]
            ),
            redis_heartbeat_us=_without_turn(
                across["heartbeat.redis_us"], redis_turn_us, across["count_100.redis_us"]
            ),
            redis_script_us=across["cluster_heartbeat.redis_us"] / across["cluster_heartbeat.scripts"],
            redis_look_us=across["look.redis_us"],
            redis_admit_us=_without_turn(
                across[f"admit_of_{PROCESSES}.redis_us"], redis_turn_us, across["count_100.redis_us"]
            ),
            redis_hello_us=across["hello.redis_us"],
            redis_goodbye_us=across["goodbye.redis_us"],
            node_goodbye_us=across["goodbye.node_us"],
            cluster_share=cluster_share,
            redis_cluster_share=max(
                1.0, across["cluster_spread_100.redis_us"] / across["spread_100.redis_us"]
            ),
            round_trip_us=across["latency.round_trip_us"],
            frame_bytes=FRAME_OVERHEAD_BYTES,
            event_in_bytes=across["publish_100.redis_in_bytes"] - TEXT_BYTES,
            event_out_bytes=(out[max(RECEIVERS)] - out[0]) / max(RECEIVERS) - TEXT_BYTES,
            entry_bytes=across["spread_100.redis_memory_bytes"] - TEXT_BYTES,
            redis_channel_bytes=across["channel.redis_memory_bytes"],
            redis_member_bytes=across[f"join_{CROWD}.redis_memory_bytes"],
            redis_connection_bytes=across["subscriber.redis_memory_bytes"],
            process_bytes=load["disconnect"]["rss_before_bytes"],
            connection_bytes=idle["rss_bytes_per_conn"],
            node_channel_bytes=across["channel.node_memory_bytes"],
        )


def read_record(name: str, results: Path = RESULTS) -> dict[str, Any]:
    """A record. Raises NotRecorded."""
    try:
        found: dict[str, Any] = json.loads((results / name).read_text())
    except FileNotFoundError:
        raise NotRecorded(f"benchmarks/results/{name} is missing: {RECORDED_BY[name]}") from None
    return found


@dataclass(frozen=True, slots=True)
class Kind:
    """Things of a kind that an event loop has to do: how many a second, what each costs by itself, and what it costs
    that a turn has some of them. `wait_us` costs nothing, but holds up those that come next."""

    rate_per_s: float
    turn_us: float
    own_us: float
    wait_us: float = 0.0


def sharing(kinds: Sequence[Kind], other_us_per_s: float = 0.0, stretch: float = 1.0) -> list[float]:
    """How many of each kind share a turn: one, and those that come while the turn before is under way, whatever that
    is busy with. At most MOST_SHARED. `other_us_per_s` is all else the loop does; a machine whose cores are wanted by
    others makes turns longer by `stretch`."""
    busy = (sum(kind.rate_per_s * kind.own_us for kind in kinds) + other_us_per_s) / 1e6
    turn_us = sum(kind.turn_us for kind in kinds) / max(1 - busy, 1e-3) * stretch
    return [min(MOST_SHARED, 1 + kind.rate_per_s * (turn_us + kind.wait_us) / 1e6) for kind in kinds]


def _rounds(results: Path) -> list[Figures]:
    rounds: list[Figures] = read_record("across.json", results)["rounds"]
    return rounds


def is_provisional(across: Figures) -> bool:
    """Whether no relay has been measured."""
    return "host_1.relay_us" not in across


def _of_a_host(
    load: dict[str, Figures], across: Figures, of_a_node: tuple[float, float, float]
) -> dict[str, float]:
    """By name. `of_a_node` is what a node takes for a turn with commands, for one with events, and for an event."""
    turn_us, read_us, receive_us = of_a_node
    command_us, wake_us, log_us = PROVISIONAL_COMMAND_US, PROVISIONAL_WAKE_US, PROVISIONAL_LOG_US
    if not is_provisional(across):
        came = {batch: across[f"host_{batch}.relay_us"] for batch in (1, 100)}
        read_us, receive_us = _split(came[1], came[100])
        # What is published comes back, and is delivered.
        published = {count: across[f"host_publish_{count}.relay_us"] for count in (1, 64)}
        turn_us, command_us = _split(
            max(0.0, published[1] - came[1]), max(0.0, published[64] - came[100]), 64
        )
        wake_us, log_us = _split(
            max(0.0, across["host_1.worker_us"] - load["latency"]["cpu_us_per_delivery"]),
            max(0.0, across["host_100.worker_us"] - _send_more_us(load)),
        )
    return {
        "relay_turn_us": turn_us,
        "relay_command_us": command_us,
        "relay_read_us": read_us,
        "relay_receive_us": receive_us,
        "log_wake_us": wake_us,
        "log_read_us": log_us,
    }


def _send_more_us(load: dict[str, Figures]) -> float:
    return _split(
        load["fanout-1000-100b-w1"]["cpu_us_per_delivery"],
        load["fanout-1000-100b-w8"]["cpu_us_per_delivery"],
        8,
    )[1]


def _load_figures(record: dict[str, Any]) -> dict[str, Figures]:
    """Scenario -> the medians of all that the generator said."""
    found = {}
    for entry in record["results"]:
        runs = entry["runs"].get("revurb", [])
        if runs:
            found[entry["scenario"]] = {
                name: statistics.median(run[name] for run in runs) for name in runs[0] if name in runs[-1]
            }
    return found


def _split(alone_us: float, shared_us: float, many: int = 100) -> tuple[float, float]:
    """The fixed part and the own one, of the cost alone and of that of `many` in a turn, for each."""
    fixed_us = max(0.0, (alone_us - shared_us) * many / (many - 1))
    return fixed_us, max(0.0, alone_us - fixed_us)


def _without_turn(alone_us: float, turn_us: float, least_us: float) -> float:
    """Of something that was only measured alone in its turn: what is its own."""
    return max(least_us, alone_us - turn_us)


def _slope(one: Figures, other: Figures, name: str, at: float, other_at: float) -> float:
    return max(0.0, (other[name] - one[name]) / (other_at - at))


def _line(points: list[tuple[int, float]]) -> tuple[float, float]:
    """Least squares: the value at 0 and the slope, neither below 0."""
    mean_x = statistics.fmean(x for x, _ in points)
    mean_y = statistics.fmean(y for _, y in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)
    return max(0.0, mean_y - slope * mean_x), max(0.0, slope)
