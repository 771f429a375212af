"""What can be wrong with a node's Redis, looked at from here, and what to do about it."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from dataclasses import dataclass
from typing import Any, Literal

from redis.exceptions import RedisError

from revurb.bus.brokered.brokered_bus import BrokeredBus
from revurb.bus.redis.pipelines import AnyRedis
from revurb.bus.redis.redis_client import client_factory
from revurb.bus.redis.redis_link import RedisLink
from revurb.bus.redis.scripts import Scripts
from revurb.config import Config
from revurb.node.cluster_status import QUESTION, NodeStatus, read_census
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import DeliverableEvent

OLDEST = (6, 2)  # XADD MINID
CLOCKS_APART_S = 2.0
SLOW_MS = 20.0
PROBE_DEADLINE_S = 2.0

Mark = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `advice` is what to do if it is not ok."""

    mark: Mark
    what: str
    found: str
    advice: str = ""


async def examine(config: Config) -> list[Finding]:
    """Look at everything, in the order in which things depend on each other; what cannot be looked at ends it."""
    if not config.scaling.enabled:
        return [
            Finding(
                "ok", "scaling", "off: this node, or the workers of this host, are all there is",
                "REVERB_SCALING_ENABLED=true shares events with other nodes through Redis.",
            )
        ]  # fmt: skip
    redis = client_factory(config.scaling.redis)()
    redis.response_callbacks.clear()
    try:
        return await _examine(redis, config)
    finally:
        await redis.aclose()


async def _examine(redis: AnyRedis, config: Config) -> list[Finding]:
    try:
        started_at = time.perf_counter()
        await redis.execute_command("PING")
        connected_ms = (time.perf_counter() - started_at) * 1000
        started_at = time.perf_counter()
        await redis.execute_command("PING")
        answered_ms = (time.perf_counter() - started_at) * 1000
    except (RedisError, OSError) as error:
        return [
            Finding("wrong", "connection", str(error), "Check REDIS_URL or REDIS_HOST, REDIS_PORT and so on.")
        ]
    findings = [
        Finding(
            "ok" if answered_ms < SLOW_MS else "warning",
            "connection",
            f"there after {connected_ms:.1f} ms, answers in {answered_ms:.2f} ms",
            "Each event waits so long for its place: put nodes and Redis closer together.",
        )
    ]
    for look in (_version, _scripts, _clock, _buffers, _memory):
        try:
            findings.append(await look(redis))
        except (RedisError, OSError) as error:
            findings.append(
                Finding(
                    "warning",
                    look.__name__.strip("_"),
                    f"cannot be looked at: {error}",
                    "The user may not ask.",
                )
            )
    findings.append(await _php(redis, config))
    findings += await _probe(config)
    return findings


async def _version(redis: AnyRedis) -> Finding:
    info = await _info(redis, "server")
    text = info.get("redis_version", "?")
    version = tuple(int(part) for part in text.split(".")[:2] if part.isdigit())
    return Finding(
        "ok" if version >= OLDEST else "wrong", "version", text, "Redis 6.2 or later is needed (XADD MINID)."
    )


async def _scripts(redis: AnyRedis) -> Finding:
    script = Scripts().tell
    sha = await redis.execute_command("SCRIPT", "LOAD", script.source)
    ok = sha == script.sha.encode()
    return Finding("ok" if ok else "wrong", "scripts", "can be loaded" if ok else f"another name: {sha!r}")


async def _clock(redis: AnyRedis) -> Finding:
    seconds, micros = await redis.execute_command("TIME")
    apart_s = time.time() - (int(seconds) + int(micros) / 1e6)
    return Finding(
        "ok" if abs(apart_s) < CLOCKS_APART_S else "warning",
        "clock",
        f"{apart_s:+.3f} s against Redis'",
        "Events are timed by Redis alone, but signatures by this host: synchronise the clocks.",
    )


async def _buffers(redis: AnyRedis) -> Finding:
    reply = await redis.execute_command("CONFIG", "GET", "client-output-buffer-limit")
    text = reply[1].decode()
    words = text.split()
    hard = int(words[words.index("pubsub") + 1]) if "pubsub" in words else 0
    enough = hard == 0 or hard >= 32 * 1024 * 1024
    return Finding(
        "ok" if enough else "warning",
        "output buffers",
        "pubsub without a limit" if hard == 0 else f"pubsub {hard // 1024 // 1024} MiB",
        "A node that is behind for a moment is cut off: client-output-buffer-limit pubsub 32mb 8mb 60 or more.",
    )


async def _memory(redis: AnyRedis) -> Finding:
    info = await _info(redis, "memory")
    policy, most = info.get("maxmemory_policy", "?"), int(info.get("maxmemory", "0"))
    evicts = most > 0 and policy not in ("noeviction",) and not policy.startswith("volatile")
    return Finding(
        "warning" if evicts else "ok",
        "memory",
        f"{info.get('used_memory_human', '?')} used, {policy}",
        "Members and counts may be thrown away when memory is short: maxmemory-policy noeviction.",
    )


async def _php(redis: AnyRedis, config: Config) -> Finding:
    channel = config.scaling.channel
    reply: Any = await redis.execute_command("PUBSUB", "NUMSUB", channel)
    return Finding(
        "ok", "legacy channel", f"{int(reply[1])} listen on {channel!r} (PHP Reverb nodes, and ours)"
    )


async def _probe(config: Config) -> list[Finding]:
    """Join, ask everyone, and say who answered and how fast."""
    started_at = time.perf_counter()
    try:
        found = await census(config)
    except TimeoutError:
        return [Finding("wrong", "probe", "this process could not join", "See what the log of a node says.")]
    took_ms = (time.perf_counter() - started_at) * 1000
    if not found:
        return [
            Finding("warning", "nodes", "none answered", "Is one running, with the same REVURB_REDIS_PREFIX?")
        ]
    return [
        Finding("ok", "nodes", f"{len(found)} answered; joining and asking took {took_ms:.0f} ms"),
        *(
            Finding(
                "ok" if status.state == "ready" else "warning",
                f"  {status.host} {status.pid}",
                f"{status.state}, {status.connections} connections, Revurb {status.version}",
                "It takes no new clients at present.",
            )
            for status in found
        ),
    ]


async def census(config: Config) -> list[NodeStatus]:
    """How the nodes of the cluster are. Raises TimeoutError if it cannot be joined."""
    redis = config.scaling.redis
    node = f"asking-{os.getpid()}-{secrets.token_hex(4)}"
    connect = client_factory(redis)
    bus = BrokeredBus(
        node,
        _Silent(),
        MEMBER_EVENTS,
        lambda end: RedisLink(end, node, connect, MEMBER_EVENTS, prefix=redis.prefix),
    )
    await bus.start()
    try:
        if bus.degraded is not None:
            raise TimeoutError(bus.degraded)
        return read_census(list(await bus.survey(QUESTION, PROBE_DEADLINE_S)))
    finally:
        await bus.stop()


class _Silent:
    """Takes part without a word."""

    def deliver(self, event: DeliverableEvent) -> None: ...

    def terminate(self, app_id: str, user_id: str) -> None: ...

    def answer(self, question: bytes) -> bytes:
        return b""


async def _info(redis: AnyRedis, section: str) -> dict[str, str]:
    reply = await redis.execute_command("INFO", section)
    lines = reply.decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def examined(config: Config) -> list[Finding]:
    return asyncio.run(examine(config))
