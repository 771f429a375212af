"""`python -m benchmarks.load.herd_probe PORT`: pings a server a thousand times a second until its input ends, and
prints how long the answers took. It runs ahead of everything else on its core, where that is allowed."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import sys
import time

from benchmarks.load.herd_members import HANDSHAKE, text_frame

EVERY_S = 0.001


def main() -> None:
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    ping, waits = text_frame({"event": "pusher:ping"}), []
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(HANDSHAKE)
        while b"connection_established" not in connection.recv(4096):
            pass
        print(flush=True)
        while not select.select([sys.stdin], [], [], EVERY_S)[0]:
            begun_at = time.perf_counter()
            connection.sendall(ping)
            if b"pong" not in connection.recv(4096):
                sys.exit("no pong")
            waits.append((time.perf_counter() - begun_at) * 1000)
    waits.sort()
    figures = {"p50_ms": waits[len(waits) // 2], "p99_ms": waits[len(waits) * 99 // 100], "max_ms": waits[-1]}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
