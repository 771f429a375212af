"""What TLS costs a server: CPU time of connecting, of coming back with a session ticket, and of events, and the
memory of an idle connection, by certificate; beside the same without TLS, and with nginx in front where there is one.

    python -m benchmarks.load.tls_cost
    python -m benchmarks.load.tls_cost --connections 1000 --rounds 5

The server has core 0, with its nginx, the clients core 1. They connect one after the other, so that each of them wakes
the server up for every step: a plain connection costs twice as much as in a herd. Memory is that of a server whose
first connections have gone again.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import ssl
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import trustme

from benchmarks.load.generator import Target
from benchmarks.load.servers import revurb
from benchmarks.load.tls_clients import TlsClients

SETTLED_S = 0.4  # until what clients have done has been dealt with
WARMING = 10
EVENTS = 10
ROUNDS_OF_EVENTS = 5
KEYS = {"ECDSA": trustme.KeyType.ECDSA, "RSA": trustme.KeyType.RSA}  # P-256, and 2,048 bits
COLUMNS = {
    "connect_us": "connect, us",
    "resume_us": "come back, us",
    "event_us": "event, us",
    "batch_us": f"of {EVENTS} at once",
    "idle_bytes": "idle, bytes",
}

NGINX = """\
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 65536; }}
http {{
  access_log off; ssl_session_cache shared:tls:10m; proxy_read_timeout 120s;
  client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
  server {{
    listen 127.0.0.1:{port} ssl; ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
    location / {{
      proxy_pass http://127.0.0.1:{behind}; proxy_http_version 1.1; proxy_set_header Host $host; proxy_buffering off;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $http_connection;
    }}
  }}
}}
"""


class Case(NamedTuple):
    """One row: who speaks TLS of which version with which certificate."""

    key: str | None = None
    version: ssl.TLSVersion | None = None
    through_nginx: bool = False

    @property
    def name(self) -> str:
        if self.key is None or self.version is None:
            return "without TLS"
        protocol = {ssl.TLSVersion.TLSv1_2: "1.2", ssl.TLSVersion.TLSv1_3: "1.3"}[self.version]
        return f"{'nginx, ' if self.through_nginx else ''}TLS {protocol}, {self.key}"


CASES = (
    Case(),
    *(Case(key, ssl.TLSVersion.TLSv1_3) for key in KEYS),
    *(Case(key, ssl.TLSVersion.TLSv1_2) for key in KEYS),
    *(Case(key, ssl.TLSVersion.TLSv1_3, through_nginx=True) for key in KEYS),
)


@contextmanager
def served(case: Case) -> Iterator[tuple[int, tuple[int, ...]]]:
    """The port of a new server, and the processes that serve it."""
    with tempfile.TemporaryDirectory() as folder:
        cert, key = Path(folder, "cert.pem"), Path(folder, "key.pem")
        if case.key is not None:
            issued = trustme.CA().issue_cert("localhost", key_type=KEYS[case.key])
            for pem in issued.cert_chain_pems:
                pem.write_to_path(str(cert), append=True)
            issued.private_key_pem.write_to_path(str(key))
        speaks_tls = case.key is not None and not case.through_nginx
        with revurb(
            *(("--tls-cert", str(cert), "--tls-key", str(key)) if speaks_tls else ())
        ).open() as target:
            if case.through_nginx:
                with nginx(Path(folder), target) as (port, pid):
                    yield port, (*target.pids, pid)
            else:
                yield target.port, target.pids


@contextmanager
def nginx(folder: Path, behind: Target) -> Iterator[tuple[int, int]]:
    """The port of an nginx in front of a server, and the process of its worker."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=port, behind=behind.port))
    command = ["taskset", "-c", "0", "nginx", "-e", str(folder / "error.log"), "-c", str(config)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        until = time.monotonic() + 10
        while not (workers := children.read_text().split()):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError((folder / "error.log").read_text())
            time.sleep(0.01)
        yield port, int(workers[0])
    finally:
        process.terminate()
        process.wait(timeout=30)


def measure(case: Case, connections: int) -> dict[str, float]:
    """One round on a new server: the figures of `COLUMNS`, for one connection or one event to one connection."""
    with served(case) as (port, pids):
        clients, figures = TlsClients(port, case.version), {}
        clients.connect(WARMING)
        clients.close()
        time.sleep(SETTLED_S)
        idle_bytes, before_us = memory_bytes(pids), cpu_us(pids)
        clients.connect(connections)
        time.sleep(SETTLED_S)
        figures["connect_us"] = (cpu_us(pids) - before_us) / connections
        figures["idle_bytes"] = (memory_bytes(pids) - idle_bytes) / connections
        clients.publish(1)
        clients.receive()
        for name, events in (("event_us", 1), ("batch_us", EVENTS)):
            before_us = cpu_us(pids)
            for _ in range(ROUNDS_OF_EVENTS):
                clients.publish(events)
                clients.receive()
            figures[name] = (cpu_us(pids) - before_us) / connections / events / ROUNDS_OF_EVENTS
        if case.version is not None:
            clients.close()
            time.sleep(SETTLED_S)
            before_us = cpu_us(pids)
            resumed = clients.connect(connections, resume=True)
            time.sleep(SETTLED_S)
            if resumed != connections:
                raise RuntimeError(f"{case.name}: {connections - resumed} of {connections} could not resume")
            figures["resume_us"] = (cpu_us(pids) - before_us) / connections
        clients.close()
    return figures


def cpu_us(pids: Sequence[int]) -> float:
    """CPU time that the processes have used so far."""
    return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in pids) / 1e3


def memory_bytes(pids: Sequence[int]) -> int:
    """What the processes hold, each page that several share counted in parts."""
    rolled_up = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
    found = [re.search(r"^Pss: +(\d+) kB$", text, re.MULTILINE) for text in rolled_up]
    return sum(int(match[1]) * 1024 for match in found if match is not None)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0] if __doc__ else None)
    parser.add_argument("--connections", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args(arguments)
    os.environ["REVERB_APP_PING_INTERVAL"] = "600"  # nobody answers pings here
    cases = [case for case in CASES if not case.through_nginx or shutil.which("nginx")]
    found: dict[Case, list[dict[str, float]]] = {case: [] for case in cases}
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        for _ in range(given.rounds):  # in turns, since a machine has its moods
            for case in cases:
                found[case].append(measure(case, given.connections))
    finally:
        os.sched_setaffinity(0, before)
    print(f"{ssl.OPENSSL_VERSION}, {given.connections} connections, medians of {given.rounds}\n")
    print("| | " + " | ".join(COLUMNS.values()) + " |\n|---|" + "--:|" * len(COLUMNS))
    for case, rounds in found.items():
        medians = {
            name: statistics.median(each[name] for each in rounds) for name in COLUMNS if name in rounds[0]
        }
        shown = (
            f"{medians[name]:,.{1 if name in ('event_us', 'batch_us') else 0}f}" if name in medians else ""
            for name in COLUMNS
        )
        print(f"| {case.name} | " + " | ".join(shown) + " |")


if __name__ == "__main__":
    main()
