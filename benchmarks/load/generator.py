"""The compiled half: builds the C programs, runs them, reads their line of JSON."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.load.scenarios import Scenario
from revurb.apps import App
from revurb.apps.request_signing import signed_target

HERE = Path(__file__).parent
BASELINE = HERE.parent / "baseline"
BUILD = HERE.parents[1] / "build" / "benchmarks"
FRAME_OVERHEAD_BYTES = 52  # `{"event":"bench","data":"...","channel":"bench"}` and the frame's header
FLOOR_DELIVERIES_PER_S = 100_000  # of the scenario's seconds: about as long as a server's turn takes
RUN_TIMEOUT_S = 300

Answer = dict[str, float]  # what a C program prints: figures by name, units in the names


@dataclass(frozen=True, slots=True)
class Target:
    """A Pusher server on loopback: where it listens, and whose CPU time and memory count.

    `presence` is False for one that has no presence channels. With a `protocol` of its own it has neither those nor
    client events, and one channel for a connection.
    """

    name: str
    port: int
    pids: tuple[int, ...]
    host: str = "127.0.0.1"
    app_id: str = "1"
    key: str = "key1"
    secret: str = "secret1"
    presence: bool = True
    protocol: Literal["pusher", "centrifugo"] = "pusher"

    def has(self, scenario: Scenario) -> bool:
        """Whether it can do what a scenario is about."""
        if self.protocol != "pusher" and (scenario.whisper or scenario.channels > 1):
            return False
        return self.presence or not scenario.presence


def build(source: Path) -> Path:
    """Compile one C file, if it or a header beside it is newer than what was built from it."""
    BUILD.mkdir(parents=True, exist_ok=True)
    binary = BUILD / source.stem
    newest = max(path.stat().st_mtime for path in (source, *source.parent.glob("*.h")))
    if not binary.exists() or binary.stat().st_mtime < newest:
        compiler = os.environ.get("CC", "cc")
        subprocess.run([compiler, "-O2", "-Wall", "-Wextra", "-o", binary, source, "-lm"], check=True)
    return binary


def floor(scenario: Scenario, *, seconds: float) -> Answer:
    """What sending the same bytes to as many sockets costs: see baseline/floor.c for the figures."""
    burst = int(scenario.options[scenario.options.index("--window") + 1])
    options = {
        "conns": scenario.conns,
        "size": scenario.event_bytes + FRAME_OVERHEAD_BYTES,
        "burst": burst,
        "rounds": max(20, int(FLOOR_DELIVERIES_PER_S * seconds) // (scenario.conns * burst)),
        "cpu": 0,
        "sink-cpu": 1,
    }
    command = [str(build(BASELINE / "floor.c"))]
    return _last_line(
        command + [text for name, value in options.items() for text in (f"--{name}", str(value))]
    )


def run(scenario: Scenario, target: Target, *, seconds: float) -> Answer:
    """One run of a scenario, from core 1. Raises RuntimeError with the generator's words if it cannot be run."""
    command = ["taskset", "-c", "1", str(build(HERE / "load.c")), "--host", target.host]
    if target.protocol == "centrifugo":
        command += ["--centrifugo", "--path", "/connection/websocket"]
    else:
        command += ["--path", f"/app/{target.key}"]
    command += ["--port", str(target.port)]
    command += ["--key", target.key, "--secret", target.secret, "--pid", ",".join(map(str, target.pids))]
    command += [*scenario.options, "--seconds", str(seconds), "--warmup", "0.5"]
    requests = BUILD / f"requests-{os.getpid()}"
    if scenario.publishes:
        requests.write_bytes(b"".join(b"%d\n%b" % (len(each), each) for each in _messages(scenario, target)))
        command += ["--requests", str(requests)] + (["--whisper"] if scenario.whisper else [])
    try:
        result = _last_line(command)
    finally:
        requests.unlink(missing_ok=True)
    if result["lost"] or result["bad_answers"]:
        raise RuntimeError(f"{result['lost']:.0f} deliveries lost, {result['bad_answers']:.0f} bad answers")
    if scenario.publishes and not result["received"]:
        raise RuntimeError("no event was delivered while it was measured")
    return result


def _last_line(command: list[str]) -> Answer:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="backslashreplace",
            timeout=RUN_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"not done after {RUN_TIMEOUT_S} s") from None
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip() or f"{command[0]} ended with {done.returncode}")
    result: Answer = json.loads(done.stdout.splitlines()[-1])
    return result


def _messages(scenario: Scenario, target: Target) -> list[bytes]:
    if scenario.whisper:
        text = b'{"event":"client-x","channel":"private-bench","data":"%b"}' % (b"x" * scenario.event_bytes)
        return [b"\x81\xfe" + struct.pack("!H", len(text)) + b"\0\0\0\0" + text]
    data = "x" * scenario.event_bytes
    if scenario.channels == 1:
        return [event_request(target, "bench", data)]
    return [event_request(target, f"bench-{number}", data) for number in range(scenario.channels)]


def event_request(target: Target, channel: str, data: str) -> bytes:
    if target.protocol == "centrifugo":
        body = json.dumps({"channel": channel, "data": {"event": "bench", "data": data}}).encode()
        head = (
            f"POST /api/publish HTTP/1.1\r\nHost: {target.host}:{target.port}\r\nX-API-Key: {target.key}\r\n"
        )
        return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    body = json.dumps({"name": "bench", "channel": channel, "data": data}).encode()
    return signed_request(target, "POST", f"/apps/{target.app_id}/events", body)


def signed_request(target: Target, method: str, path: str, body: bytes = b"") -> bytes:
    """One request to the HTTP API, signed as Pusher asks for, ready to be sent."""
    app = App(id=target.app_id, key=target.key, secret=target.secret)
    signed = signed_target(app, method, path, body, int(time.time()))
    head = f"{method} {signed} HTTP/1.1\r\nHost: {target.host}:{target.port}\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body
