"""The compiled half: builds the load generator and the C baseline, runs them, reads their line of JSON."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import struct
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.load.scenarios import Scenario

HERE = Path(__file__).parent
BUILD = HERE.parents[1] / "build" / "benchmarks"
FRAME_OVERHEAD_BYTES = 52  # `{"event":"bench","data":"...","channel":"bench"}` and the frame's header


@dataclass(frozen=True, slots=True)
class Target:
    """A Pusher server on loopback: where it listens, and whose CPU time counts."""

    name: str
    port: int
    pids: tuple[int, ...]
    app_id: str = "1"
    key: str = "key1"
    secret: str = "secret1"


def build(source: Path) -> Path:
    """Compile one C file, if it is newer than what was built from it."""
    BUILD.mkdir(parents=True, exist_ok=True)
    binary = BUILD / source.stem
    newest = max(path.stat().st_mtime for path in (source, *source.parent.glob("*.h")))
    if not binary.exists() or binary.stat().st_mtime < newest:
        compiler = os.environ.get("CC", "cc")
        subprocess.run([compiler, "-O2", "-Wall", "-Wextra", "-o", binary, source], check=True)
    return binary


def floor(*, conns: int, frame_bytes: int, burst: int, rounds: int) -> dict[str, Any]:
    """What sending alone costs: see baseline/floor.c for the figures."""
    binary = build(HERE.parent / "baseline" / "floor.c")
    options = {"conns": conns, "size": frame_bytes, "burst": burst, "rounds": rounds, "cpu": 0, "sink-cpu": 1}
    command = [str(binary), *(text for name, value in options.items() for text in (f"--{name}", str(value)))]
    return _last_line(command)


def run(scenario: Scenario, target: Target, *, seconds: float) -> dict[str, Any]:
    """One run of a scenario, from core 1. Raises RuntimeError with the generator's words if it cannot be run."""
    binary = build(HERE / "load.c")
    command = ["taskset", "-c", "1", str(binary), "--port", str(target.port), "--path", f"/app/{target.key}"]
    command += ["--key", target.key, "--secret", target.secret, "--pid", ",".join(map(str, target.pids))]
    command += [*scenario.options, "--seconds", str(seconds), "--warmup", "0.5"]
    if scenario.publishes or scenario.whisper:
        requests = BUILD / f"requests-{os.getpid()}"
        requests.write_bytes(b"".join(b"%d\n%b" % (len(each), each) for each in _messages(scenario, target)))
        command += ["--requests", str(requests)] + (["--whisper"] if scenario.whisper else [])
    result = _last_line(command)
    if result["lost"] or result["bad_answers"]:
        raise RuntimeError(f"{scenario.name}: {result['lost']} lost, {result['bad_answers']} bad answers")
    return result


def _last_line(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip() or f"{command[0]} ended with {done.returncode}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _messages(scenario: Scenario, target: Target) -> list[bytes]:
    if scenario.whisper:
        text = b'{"event":"client-x","channel":"private-bench","data":"%b"}' % (b"x" * scenario.event_bytes)
        return [b"\x81\xfe" + struct.pack("!H", len(text)) + b"\0\0\0\0" + text]
    if scenario.channels == 1:
        return [_request(target, "bench", scenario.event_bytes)]
    return [_request(target, f"bench-{number}", scenario.event_bytes) for number in range(scenario.channels)]


def _request(target: Target, channel: str, size: int) -> bytes:
    body = json.dumps({"name": "bench", "channel": channel, "data": "x" * size}).encode()
    path = f"/apps/{target.app_id}/events"
    md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
    query = f"auth_key={target.key}&auth_timestamp={int(time.time())}&auth_version=1.0&body_md5={md5}"
    signature = hmac.new(target.secret.encode(), f"POST\n{path}\n{query}".encode(), "sha256").hexdigest()
    head = (
        f"POST {path}?{query}&auth_signature={signature} HTTP/1.1\r\nHost: 127.0.0.1:{target.port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
