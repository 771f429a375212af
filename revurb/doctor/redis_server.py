"""Checks of the Redis server: connection, version, scripts, clock, output buffers, memory policy."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from redis.asyncio import RedisCluster

from revurb.bus.redis.keys import CLUSTER_PARTITIONS, Keys
from revurb.bus.redis.pipelines import FAILURES, AnyRedis
from revurb.bus.redis.refusals import reason_of, word_of
from revurb.bus.redis.scripts import Scripts
from revurb.doctor.finding import Finding
from revurb.doctor.remedies import remedy_for

OLDEST_VERSION = (6, 2)  # the first with XADD MINID
MAX_CLOCK_DIFFERENCE_S = 2.0
SLOW_PING_MS = 20.0
MIN_PUBSUB_BUFFER_BYTES = 32 * 1024 * 1024
_MAY_NOT_ASK = (
    "Only the doctor asks, and nodes do without: to have it looked at, give the user +info +config|get."
)


async def check_connection(redis: AnyRedis) -> Finding:
    """Connects, and measures one round trip on the open connection. The mark is "wrong" if that fails: no other check
    can succeed then."""
    try:
        started_at = time.perf_counter()
        await redis.execute_command("PING")
        connect_ms = (time.perf_counter() - started_at) * 1000
        started_at = time.perf_counter()
        await redis.execute_command("PING")
        ping_ms = (time.perf_counter() - started_at) * 1000
    except FAILURES as error:
        remedy = remedy_for(error, "Check REDIS_URL or REDIS_HOST, REDIS_PORT and so on.")
        return Finding("wrong", "Redis", reason_of(error), remedy)
    return Finding(
        "ok" if ping_ms < SLOW_PING_MS else "warning",
        "Redis",
        f"there after {connect_ms:.1f} ms, answers in {ping_ms:.2f} ms",
        "Each event waits so long for its place: put nodes and Redis closer together.",
    )


async def check_writing(redis: AnyRedis, prefix: str) -> Finding:
    """Writes a key that is gone after a moment: a replica, a full memory and a full disk refuse that."""
    try:
        await redis.execute_command("SET", f"{prefix}:{{doctor}}", "1", "PX", "1000")
    except FAILURES as error:
        remedy = remedy_for(error, "Nodes cannot share anything without.")
        return Finding("wrong", "writing", reason_of(error), remedy)
    return Finding("ok", "writing", "is allowed")


async def check_partitions(redis: AnyRedis, prefix: str) -> Finding:
    """How many partitions the nodes have: in a Cluster those of older nodes are a part of what they could be."""
    subject = "partitions"
    try:
        reply = await redis.execute_command("GET", Keys(prefix).partition_count)
    except FAILURES as error:
        return Finding(
            "wrong", subject, reason_of(error), remedy_for(error, "Nodes write their number anew.")
        )
    if reply is None:
        return Finding("ok", subject, "none yet: the first node makes them")
    observation = reply.decode("utf-8", "backslashreplace")[:20]
    is_few = isinstance(redis, RedisCluster) and observation != str(CLUSTER_PARTITIONS)
    return Finding(
        "warning" if is_few else "ok",
        subject,
        observation,
        f"A new cluster has {CLUSTER_PARTITIONS}, for which all nodes have to be stopped: "
        "docs/redis.md, The number of partitions.",
    )


async def check_settings(redis: AnyRedis) -> list[Finding]:
    """One finding for each of `CHECKS`; a warning for one whose commands the user may not run."""
    findings = []
    for subject, check in CHECKS:
        try:
            findings.append(await check(redis))
        except FAILURES as error:
            # Nodes do without these commands, and the rights that they need do not have them.
            may_not = word_of(error) == "NOPERM"
            remedy = _MAY_NOT_ASK if may_not else remedy_for(error, "Managed servers forbid some commands.")
            findings.append(Finding("warning", subject, f"cannot be looked at: {reason_of(error)}", remedy))
    return findings


async def check_version(redis: AnyRedis) -> Finding:
    info = await _info(redis, "server")
    text = info.get("redis_version", "?")
    version = tuple(int(part) for part in text.split(".")[:2] if part.isdigit())
    return Finding(
        "ok" if version >= OLDEST_VERSION else "wrong",
        "version of Redis",
        text,
        "Redis 6.2 or later is needed (XADD MINID).",
    )


async def check_scripts(redis: AnyRedis) -> Finding:
    """Loads one of the broker's scripts and compares the SHA1 that Redis gives it with ours."""
    script = Scripts().publish_own
    sha = await redis.execute_command("SCRIPT", "LOAD", script.source)
    ok = sha == script.sha.encode()
    return Finding(
        "ok" if ok else "wrong",
        "scripts",
        "can be loaded" if ok else f"another name: {sha.decode(errors='replace')}",
    )


async def check_clock(redis: AnyRedis) -> Finding:
    """Compares the clock of this host with that of Redis."""
    seconds, microseconds = await redis.execute_command("TIME")
    difference_s = time.time() - (int(seconds) + int(microseconds) / 1e6)
    return Finding(
        "ok" if abs(difference_s) < MAX_CLOCK_DIFFERENCE_S else "warning",
        "clock",
        f"{difference_s:+.3f} s against Redis'",
        "Events are timed by Redis alone, but signatures by this host: synchronise the clocks.",
    )


async def check_output_buffers(redis: AnyRedis) -> Finding:
    """Reads the hard limit of the Pub/Sub output buffer: Redis disconnects a subscriber that exceeds it."""
    reply = await redis.execute_command("CONFIG", "GET", "client-output-buffer-limit")
    fields = reply[1].decode().split()
    hard_limit = int(fields[fields.index("pubsub") + 1]) if "pubsub" in fields else 0
    enough = hard_limit == 0 or hard_limit >= MIN_PUBSUB_BUFFER_BYTES
    return Finding(
        "ok" if enough else "warning",
        "output buffers",
        "pubsub without a limit" if hard_limit == 0 else f"pubsub {hard_limit // 1024 // 1024} MiB",
        "A node that is behind for a moment is cut off: client-output-buffer-limit pubsub 32mb 8mb 60 or more.",
    )


async def check_memory(redis: AnyRedis) -> Finding:
    """Whether Redis evicts keys without an expiry: such a policy deletes members and counts when memory is short."""
    info = await _info(redis, "memory")
    policy, max_bytes = info.get("maxmemory_policy", "?"), int(info.get("maxmemory", "0"))
    evicts = max_bytes > 0 and policy not in ("noeviction",) and not policy.startswith("volatile")
    return Finding(
        "warning" if evicts else "ok",
        "memory of Redis",
        f"{info.get('used_memory_human', '?')} used, {policy}",
        "Members and counts may be thrown away when memory is short: maxmemory-policy noeviction.",
    )


# The name stands in the warning of a check that fails.
CHECKS: tuple[tuple[str, Callable[[AnyRedis], Awaitable[Finding]]], ...] = (
    ("version of Redis", check_version),
    ("scripts", check_scripts),
    ("clock", check_clock),
    ("buffers", check_output_buffers),
    ("memory of Redis", check_memory),
)


async def _info(redis: AnyRedis, section: str) -> dict[str, str]:
    reply = await redis.execute_command("INFO", section)
    lines = reply.decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)
