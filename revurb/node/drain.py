"""Closes the WebSockets of a node that stops one after the other, so that not all clients reconnect at once."""

from __future__ import annotations

import asyncio

from revurb.transport.connections import Connections

# The last WebSocket is closed after this part of the drain timeout. The rest is for its close handshake.
SPREAD_PART = 0.9
# A few clients are closed faster than the timeout would allow: a hundred in two seconds. A node accepts thousands of
# handshakes per second, so this rate of reconnections is no load.
CLOSES_PER_S = 50
# A client may send its next request on a kept connection while the node closes it. A client that sends requests at
# least this often gets a response with `Connection: close` instead (nginx: keepalive_min_timeout).
IDLE_GRACE_S = 1.0
TICK_S = 0.02
ACCEPTING_TURNS = 3  # of the loop, after which a client is a connection that uvloop has accepted


async def drain_connections(
    connections: Connections, code: int, reason: str, timeout_s: float, *, spread: bool
) -> None:
    """Close all connections: WebSockets with `code`, others when their requests are answered. With `spread`, WebSockets
    are closed evenly over `timeout_s`. What is left then is dropped."""
    empty = asyncio.Event()
    connections.on_empty = empty.set
    connections.drain(code, reason)
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                if spread:
                    await close_evenly(connections, timeout_s)
                else:
                    connections.close_websockets()
                    connections.close_idle_http()
                await empty.wait()
                empty.clear()
                for _ in range(ACCEPTING_TURNS):
                    await asyncio.sleep(0)
                if not connections.http and not connections.websockets:
                    return
    except TimeoutError:
        connections.abort()


async def close_evenly(connections: Connections, timeout_s: float) -> None:
    """Start to close the WebSockets of a draining node evenly over `SPREAD_PART` of `timeout_s`, and its idle HTTP
    connections after `IDLE_GRACE_S`. Returns when the closing of all has begun; at once if there are none."""
    clock = asyncio.get_running_loop().time
    start, spread_s = clock(), min(SPREAD_PART * timeout_s, len(connections.websockets) / CLOSES_PER_S)
    waiting = list(connections.websockets)
    count, idle_grace_s = len(waiting), min(IDLE_GRACE_S, SPREAD_PART * timeout_s)
    while waiting or connections.http:
        passed_s = clock() - start
        due = count if passed_s >= spread_s else 1 + int(count * passed_s / spread_s)
        while count - len(waiting) < due:
            socket = waiting.pop()
            if socket in connections.websockets:  # its client may have disconnected
                socket.close(*connections.drain_close)
        if passed_s >= idle_grace_s:
            connections.close_idle_http()
            if not waiting:
                break
        await asyncio.sleep(TICK_S)
