"""What it costs a server that somebody looks at its console: the CPU time of all its processes while a page asks for
every panel once a second, less that of the same time without.

    python -m benchmarks.load.console_cost
    python -m benchmarks.load.console_cost --workers 2 --connections 10000 --channels 100000 --seconds 30
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import re
import resource
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.load.cluster import Cluster, cpu_s, serving

APP_ID, KEY = "1", "key1"
HANDSHAKE = (
    f"GET /app/{KEY}?protocol=7 HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
).encode()
SETTLED_S = 3.0  # after connecting, for what is told once a second
TURN_S = 5
Question = dict[str, Any]


class Page:
    """Asks as a page with every panel does, and keeps the cursors that it is given."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self._after: dict[str, dict[str, int]] = {"figures": {}, "events": {}, "troubles": {}}
        self.answer_bytes = 0

    def look(self) -> None:
        """One round of all questions."""
        questions: dict[str, Question] = {
            "figures": {"after": self._after["figures"]},
            "events": {"app": APP_ID, "after": self._after["events"]},
            "troubles": {"after": self._after["troubles"]},
            "overview": {},
            "channels": {"app": APP_ID, "limit": 100},
            "channel": {"app": APP_ID, "channel": channel_name(0)},
            "user": {"app": APP_ID, "user_id": "7"},
            "webhooks": {},
        }
        answers = dict(zip(questions, self._ask(questions), strict=True))
        for process in answers["figures"]["processes"]:
            if process["samples"]:
                self._after["figures"][process["process"]] = process["samples"][-1][0]
        for name in ("events", "troubles"):
            self._after[name] = answers[name]["after"]

    def close(self) -> None:
        self._connection.close()

    def _ask(self, questions: dict[str, Question]) -> list[Any]:
        body = json.dumps({"questions": [{"ask": name, "body": body} for name, body in questions.items()]})
        self._connection.request("POST", "/console/api/several", body, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        text = answer.read()
        self.answer_bytes += len(text)
        answers = json.loads(text).get("answers", [])
        if len(answers) != len(questions) or any(each["status"] != 200 for each in answers):
            raise RuntimeError(f"{answer.status} {text.decode()}")
        return [each["body"] for each in answers]


def channel_name(number: int) -> str:
    return f"room-{number}"


def frame(message: object) -> bytes:
    """A text frame of a client, with a mask of zeros (RFC 6455 5.2)."""
    payload = json.dumps(message).encode()
    head = (
        bytes((0x81, 0x80 | len(payload)))
        if len(payload) < 126
        else b"\x81\xfe" + len(payload).to_bytes(2, "big")
    )
    return head + bytes(4) + payload


@contextlib.contextmanager
def connected(port: int, connections: int, channels: int) -> Iterator[None]:
    """So many clients, with so many channels among them, each with one subscriber. They read nothing any more."""
    with contextlib.ExitStack() as stack:
        numbers = iter(range(channels))
        each = -(-channels // connections)
        for _ in range(connections):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            mine = [number for _, number in zip(range(each), numbers, strict=False)]
            frames = (
                frame({"event": "pusher:subscribe", "data": {"channel": channel_name(n)}}) for n in mine
            )
            sock.sendall(HANDSHAKE + b"".join(frames))
            read = b""
            while read.count(b"subscription_succeeded") < len(mine) or b"established" not in read:
                received = sock.recv(65536)
                if not received:
                    raise RuntimeError(f"a connection was refused: {read!r}")
                read += received
        yield


def pids_of(cluster: Cluster) -> Mapping[str, int]:
    """All processes of the server, the supervisor too, which has those of the workers for its children."""
    if "node" in cluster.pids:
        return cluster.pids
    status = Path(f"/proc/{cluster.pids['worker 0']}/status").read_text()
    found = re.search(r"^PPid:\s+(\d+)", status, re.MULTILINE)
    assert found is not None
    return {**cluster.pids, "supervisor": int(found[1])}


def used_s(pids: Mapping[str, int], seconds: int, page: Page | None) -> dict[str, float]:
    """CPU time by process, while `page` looks once a second, or nobody does."""
    before, began = cpu_s(pids), time.monotonic()
    for second in range(seconds):
        if page is not None:
            page.look()
        time.sleep(max(0.0, began + second + 1 - time.monotonic()))
    after = cpu_s(pids)
    return {name: after[name] - before[name] for name in pids}


def measure(workers: int, connections: int, channels: int, seconds: int) -> dict[str, float]:
    """Of a core, by process and in all, what looking adds; "without" is what the processes take in all anyway."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        admin_port = free.getsockname()[1]
    environment = {
        "REVURB_ADMIN_PORT": str(admin_port),
        "REVERB_APP_PING_INTERVAL": "600",  # nobody answers pings here
        "REVURB_APP_MAX_CHANNELS_PER_CONNECTION": str(max(100, channels)),
    }
    with (
        serving(workers, environment) as cluster,
        connected(cluster.port, connections, channels),
        contextlib.closing(Page(admin_port)) as page,
    ):
        pids = pids_of(cluster)
        time.sleep(SETTLED_S)
        page.look()  # the history comes once
        page.answer_bytes = 0
        without, looked = dict.fromkeys(pids, 0.0), dict.fromkeys(pids, 0.0)
        left = seconds
        while left:  # in turns, since a machine has its moods
            turn = min(left, TURN_S)
            left -= turn
            for total, who in ((without, None), (looked, page)):
                for name, took in used_s(pids, turn, who).items():
                    total[name] += took / seconds
        added = {name: looked[name] - without[name] for name in pids}
        totals = {"in all": sum(added.values()), "without": sum(without.values())}
        return {**added, **totals, "bytes_per_s": page.answer_bytes / seconds}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0] if __doc__ else None)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--channels", type=int, default=100_000)
    parser.add_argument("--seconds", type=int, default=30)
    given = parser.parse_args(arguments)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        found = measure(given.workers, given.connections, given.channels, given.seconds)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    print(f"{given.connections} connections, {given.channels} channels, {given.workers} worker(s)")
    for name, value in found.items():
        if name == "bytes_per_s":
            print(f"  answers      {value / 1024:8.1f} KiB/s")
        else:
            print(f"  {name:<12} {value * 100:8.2f} % of a core")


if __name__ == "__main__":
    main()
