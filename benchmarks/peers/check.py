"""Is this server there, is it the one that was meant, and does it know the app? Asked before anything is measured."""

from __future__ import annotations

import ipaddress
import json
import socket
from pathlib import Path

from websockets.exceptions import InvalidHandshake, WebSocketException
from websockets.sync.client import connect

from benchmarks.load.generator import Target, signed_request

TIMEOUT_S = 5.0


class Unfit(Exception):
    """A server that cannot be measured; the text says what to do about it."""


def read_address(text: str) -> tuple[str, str, int, tuple[int, ...]]:
    """`NAME=HOST:PORT,PID[,PID...]` as (name, host, port, pids). Raises ValueError for anything else."""
    name, _, rest = text.partition("=")
    address, *pids = rest.split(",")
    host, colon, port = address.rpartition(":")
    if not (name and host and colon and port.isdecimal() and pids and all(pid.isdecimal() for pid in pids)):
        raise ValueError(f"{text!r}: expected NAME=HOST:PORT,PID[,PID...]")
    host = "127.0.0.1" if host == "localhost" else host
    try:
        loopback = ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ValueError(
            f"{text!r}: only servers on this machine are put under load; {host} is not in 127.0.0.0/8"
        )
    return name, host, int(port), tuple(map(int, pids))


def check(target: Target) -> None:
    """Raises Unfit, with a reason, for a target that the scenarios could not be run on."""
    _check_processes(target)
    _check_websocket(target)
    _check_http(target)


def _check_processes(target: Target) -> None:
    for pid in target.pids:
        try:
            ran_ns = int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
        except (OSError, ValueError):
            raise Unfit(f"{target.name}: there is no process {pid}") from None
        if not ran_ns:
            raise Unfit(f"{target.name}: process {pid} has used no CPU time, or the kernel does not count it")


def _check_websocket(target: Target) -> None:
    where = f"ws://{target.host}:{target.port}/app/{target.key}?protocol=7&client=load&version=1"
    try:
        with connect(
            where, open_timeout=TIMEOUT_S, close_timeout=1, compression=None, proxy=None
        ) as websocket:
            greeting = json.loads(websocket.recv(TIMEOUT_S))
    except InvalidHandshake as error:
        raise Unfit(f"{target.name}: {where} is no Pusher endpoint: {error}") from None
    except WebSocketException as error:
        raise Unfit(f"{target.name}: ended the connection to app key {target.key!r}: {error}") from None
    except TimeoutError:
        raise Unfit(f"{target.name}: {target.host}:{target.port} says nothing for {TIMEOUT_S:g} s") from None
    except OSError as error:
        raise Unfit(
            f"{target.name}: nothing answers on {target.host}:{target.port} ({error.strerror})"
        ) from None
    except ValueError:
        raise Unfit(f"{target.name}: does not speak the Pusher protocol: its greeting is not JSON") from None
    if greeting.get("event") != "pusher:connection_established":
        raise Unfit(f"{target.name}: refuses app key {target.key!r}: {json.dumps(greeting)}")


def _check_http(target: Target) -> None:
    """One event to nobody: the publish that the scenarios will send, signed with the app's secret."""
    body = json.dumps({"name": "bench", "channel": "bench", "data": "x"}).encode()
    try:
        with socket.create_connection((target.host, target.port), TIMEOUT_S) as connection:
            connection.sendall(signed_request(target, "POST", f"/apps/{target.app_id}/events", body))
            answer = connection.recv(4096).decode("latin-1")
    except OSError as error:
        raise Unfit(
            f"{target.name}: does not answer a publish on {target.host}:{target.port}: {error}"
        ) from None
    status = answer.split(" ")[1] if answer.startswith("HTTP/1.") else "no HTTP"
    if status != "200":
        said = answer.partition("\r\n\r\n")[2].strip()[:200]
        raise Unfit(
            f"{target.name}: refuses a publish to app id {target.app_id!r} signed with key {target.key!r} and the "
            f"secret given: {status} {said}".rstrip()
        )
