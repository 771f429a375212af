"""The other ends of a Redis under measurement, each a process: the bus of a node, a node's connections for events, and
bare subscribers.

All say `ready` on their output, and end when their input does. The bus then says how long events took.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import uvloop
from redis.asyncio import Redis

from benchmarks.load.broker import Broker
from revurb.bus.brokered.brokered_bus import BrokeredBus
from revurb.bus.redis.command_queue import RedisUnavailable
from revurb.bus.redis.keys import Keys
from revurb.bus.redis.pubsub_listener import PubSubListener
from revurb.bus.redis.redis_heartbeat import HEARTBEAT_S, SILENT_AFTER_S
from revurb.bus.redis.redis_link import RedisLink
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import ChannelSnapshot, DeliverableEvent, EnterRequest

APP_ID, CHANNEL = "1", "news"
STAMP_BYTES = 20  # of an event's text: when it was published, in digits
T = TypeVar("T")


class Receiver:
    """Notes how long stamped events took, in us; the others are only counted."""

    def __init__(self) -> None:
        self.count = 0
        self.took_us: list[float] = []

    def deliver(self, event: DeliverableEvent) -> None:
        self.count += 1
        if event.text[:1].isdigit():
            self.took_us.append((time.monotonic() - float(event.text[:STAMP_BYTES])) * 1e6)

    def terminate(self, app_id: str, user_id: str) -> None: ...

    def answer(self, question: bytes) -> bytes:
        return b""


def bus_of(
    name: str,
    broker: Broker,
    receiver: Receiver,
    *,
    lease_s: float = 10.0,
    heartbeat_s: float = HEARTBEAT_S,
) -> BrokeredBus:
    return BrokeredBus(
        name,
        receiver,
        MEMBER_EVENTS,
        lambda owner: RedisLink(
            owner,
            name,
            broker.client,
            MEMBER_EVENTS,
            lease_s=lease_s,
            heartbeat_s=heartbeat_s,
            silent_after_s=max(SILENT_AFTER_S, 4 * heartbeat_s),
        ),
    )


@contextmanager
def receiving_bus(broker: Broker, into: dict[str, float]) -> Iterator[int]:
    """The pid of a process with a bus that has a subscriber of CHANNEL. At the end, `into` gets the latencies."""
    with _process(broker, "--bus") as process:
        yield process.pid
        assert process.stdin is not None
        process.stdin.close()
        assert process.stdout is not None
        into |= json.loads(process.stdout.read() or "{}")


@contextmanager
def subscribers(broker: Broker, count: int) -> Iterator[None]:
    """So many bare connections that are subscribed to CHANNEL's events."""
    if not count:
        yield
        return
    with _process(broker, "--count", str(count)):
        yield


@contextmanager
def listeners(broker: Broker, count: int) -> Iterator[int]:
    """The pid of a process with so many of a node's connections for events, all subscribed to CHANNEL's."""
    with _process(broker, "--listeners", str(count)) as process:
        yield process.pid


@contextmanager
def _process(broker: Broker, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "benchmarks.load.far_side", str(broker.port), *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise RuntimeError("the other end did not start")
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


async def _be_a_bus(broker: Broker) -> None:
    loop = asyncio.get_running_loop()
    receiver = Receiver()
    bus = bus_of("receiving", broker, receiver)
    await bus.start()
    entered: asyncio.Future[ChannelSnapshot] = loop.create_future()
    bus.enter(EnterRequest(APP_ID, CHANNEL, None, b"", False), entered.set_result)
    await entered
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    took_us = sorted(receiver.took_us)
    if took_us:
        print(json.dumps({"p50_us": took_us[len(took_us) // 2], "p99_us": took_us[len(took_us) * 99 // 100]}))
    await bus.stop()


class Ignored:
    """Takes what a listener receives, and does nothing with it."""

    def on_message(self, channel: bytes, data: bytes) -> None: ...

    def on_lost(self, error: RedisUnavailable) -> None:
        print(f"lost: {error}", file=sys.stderr)


async def _be_listeners(broker: Broker, count: int) -> None:
    channel, opened = Keys("revurb").topic(APP_ID, CHANNEL).channel, []
    for _ in range(count):
        client = broker.client()
        assert isinstance(client, Redis)
        opened.append(PubSubListener(client, Ignored()))
        await opened[-1].open([channel])
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for listener in opened:
        await listener.close()


def _be_subscribers(broker: Broker, count: int) -> None:
    channel = Keys("revurb").topic(APP_ID, CHANNEL).channel
    command = f"*2\r\n$9\r\nSUBSCRIBE\r\n${len(channel.encode())}\r\n{channel}\r\n".encode()
    found = selectors.DefaultSelector()
    for _ in range(count):
        sock = socket.create_connection(("127.0.0.1", broker.port))
        sock.sendall(command)
        sock.recv(1024)
        found.register(sock, selectors.EVENT_READ)
    print("ready", flush=True)
    threading.Thread(target=_read_all, args=(found,), daemon=True).start()
    sys.stdin.read()


def _read_all(found: selectors.DefaultSelector) -> None:
    room = bytearray(1 << 16)
    while True:
        for key, _ in found.select():
            key.fileobj.recv_into(room)  # type: ignore[union-attr]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--bus", action="store_true")
    parser.add_argument("--listeners", type=int, default=0)
    parser.add_argument("--count", type=int, default=1)
    options = parser.parse_args()
    broker = Broker(options.port, 0, False)
    if options.bus:
        uvloop.run(_be_a_bus(broker))
    elif options.listeners:
        uvloop.run(_be_listeners(broker, options.listeners))
    else:
        _be_subscribers(broker, options.count)


if __name__ == "__main__":
    main()
