"""What is measured: latencies of one peer, alone and beside others. All in milliseconds."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator

from benchmarks.fairness.clients import (
    PING,
    Address,
    Everybody,
    answer,
    http,
    publish,
    receive,
    request,
    subscribers,
    subscription,
    websocket,
)
from benchmarks.fairness.floods import flooding

Latencies = list[float]
_marks = itertools.count(1)


def deliveries(at: Address, listeners: Everybody, channel: str, seconds: float, pause_s: float) -> Latencies:
    """How long a publish takes until each listener has its event, one after the other."""
    found, end = [], time.monotonic() + seconds
    with http(at) as publisher:
        while time.monotonic() < end:
            mark = f"mark {next(_marks)}."
            start = time.perf_counter()
            publisher.sendall(publish(channel, mark))
            listeners.all_have(mark.encode())
            found.append(1000 * (time.perf_counter() - start))
            answer(publisher)
            time.sleep(pause_s)
    return found


def flooded(
    port: int, kind: str, sockets: int, listener_count: int, seconds: float, at: Address | None = None
) -> Latencies:
    """Publishes and their delivery to so many, while so many sockets flood the server. `at` is where the honest ones
    connect, if not to the same port."""
    at = port if at is None else at
    listeners = subscribers(at, "news", listener_count)
    with contextlib.ExitStack() as stack:
        for sock in listeners:
            stack.enter_context(sock)
        stack.enter_context(flooding(port, kind, sockets))
        time.sleep(0.5)  # until the floods are under way
        return deliveries(at, Everybody(listeners), "news", seconds, 0.03)


def pings(sock: socket.socket, stop: Callable[[], bool]) -> Latencies:
    """Pings, one every 2 ms, until told to stop."""
    found = []
    while not stop():
        start = time.perf_counter()
        sock.sendall(PING)
        receive(sock, b"pong")
        found.append(1000 * (time.perf_counter() - start))
        time.sleep(0.002)
    return found


def pings_during(port: int, action: Callable[[], object], after_s: float = 0.3) -> Latencies:
    """Pings on a connection of their own while `action` runs, and a while after."""
    done = threading.Event()

    def act() -> None:
        try:
            action()
            time.sleep(after_s)
        finally:
            done.set()

    with websocket(port) as sock:
        thread = threading.Thread(target=act)
        thread.start()
        found = pings(sock, done.is_set)
        thread.join()
    return found


@contextlib.contextmanager
def readers(port: int, channel: str, count: int) -> Iterator[None]:
    """So many subscribers, read by a process of their own, while nothing else wants the core."""
    ready, told = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
            everybody = Everybody(subscribers(port, channel, count))
            os.write(told, b"x")
            while True:
                for _ in everybody.read(1.0):
                    pass
        finally:
            os._exit(1)
    os.close(told)
    try:
        if not os.read(ready, 1):
            raise RuntimeError(f"{count} subscribers could not be connected")
        yield
    finally:
        os.close(ready)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _publish_often(port: int, channel: str, rate: int, stop: Callable[[], bool]) -> None:
    with http(port) as publisher:
        while not stop():
            publisher.sendall(publish(channel, "x" * 100))
            answer(publisher)
            time.sleep(1 / rate)


def ping_beside_fanout(port: int, count: int, rate: int, seconds: float) -> Latencies:
    """Pings on a connection that is subscribed to nothing, beside `rate` events a second to so many."""
    with readers(port, "large", count):
        end = time.monotonic() + seconds
        return pings_during(
            port, lambda: _publish_often(port, "large", rate, lambda: time.monotonic() > end), 0
        )


def small_channel(port: int, beside: int, seconds: float) -> Latencies:
    """A channel of 10 subscribers, 50 events a second, beside 10 events a second to so many others (0: alone)."""
    listeners, done = subscribers(port, "small", 10), threading.Event()
    with contextlib.ExitStack() as stack:
        for sock in listeners:
            stack.enter_context(sock)
        if beside:
            stack.enter_context(readers(port, "large", beside))
            thread = threading.Thread(target=_publish_often, args=(port, "large", 10, done.is_set))
            thread.start()
            stack.callback(thread.join)
            stack.callback(done.set)
        return deliveries(port, Everybody(listeners), "small", seconds, 0.02)


def many_channels(port: int, count: int) -> Latencies:
    """Pings while somebody asks for the list of so many channels, with their counts."""
    with contextlib.ExitStack() as stack:
        for number in range(count // 1000):
            sock = stack.enter_context(websocket(port))
            sock.sendall(b"".join(subscription(f"channel-{number}-{index}") for index in range(1000)))
            receive(sock, b"subscription_succeeded", 1000)

        def ask() -> None:
            with http(port) as asking:
                asking.sendall(request("GET", "/channels", info="subscription_count"))
                answer(asking)

        return pings_during(port, ask)


def leaving(port: int, connections: int, channels: int) -> Latencies:
    """Pings while so many connections with so many channels each end at once."""
    sockets = [websocket(port) for _ in range(connections)]
    for number, sock in enumerate(sockets):
        sock.sendall(b"".join(subscription(f"c-{number}-{index}") for index in range(channels)))
        receive(sock, b"subscription_succeeded", channels)

    def leave() -> None:
        for sock in sockets:
            sock.close()

    return pings_during(port, leave, 1.5)
