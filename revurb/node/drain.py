"""Letting clients go one after the other, so that they do not come back as one herd."""

from __future__ import annotations

import asyncio

from revurb.transport.connections import Connections

# The last WebSocket is told at this part of the drain timeout: what is left is for its close handshake.
SPREAD_PART = 0.9
# Few clients are no herd: they are told faster than the timeout would allow. A node takes thousands of handshakes
# per second, so that these are nothing to it, and a hundred clients are gone in two seconds.
CLOSES_PER_S = 50
# A client may send its next request on a kept connection at the very moment that we close it. One that asks at least
# this often gets an answer with `Connection: close` instead (nginx: keepalive_min_timeout).
IDLE_GRACE_S = 1.0
TICK_S = 0.02


async def close_evenly(connections: Connections, timeout_s: float) -> None:
    """Close the WebSockets of a draining node evenly over most of `timeout_s`, its idle HTTP connections after a
    grace. Returns when all have been told to close; at once if there are none."""
    clock = asyncio.get_running_loop().time
    start, spread_s = clock(), min(SPREAD_PART * timeout_s, len(connections.websockets) / CLOSES_PER_S)
    waiting = list(connections.websockets)
    count, idle_grace_s = len(waiting), min(IDLE_GRACE_S, SPREAD_PART * timeout_s)
    while waiting or connections.http:
        passed_s = clock() - start
        due = count if passed_s >= spread_s else 1 + int(count * passed_s / spread_s)
        while count - len(waiting) < due:
            socket = waiting.pop()
            if socket in connections.websockets:  # it may have left by itself
                socket.close(*connections.drain_close)
        if passed_s >= idle_grace_s:
            connections.close_idle_http()
            if not waiting:
                break
        await asyncio.sleep(TICK_S)
