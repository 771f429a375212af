"""Little input that makes much output takes no memory: real processes, each with one attack, and their peak."""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import threading
from pathlib import Path

from revurb.apps import App
from tests.client import channel_auth, handshake
from tests.hostile.test_floods import open_websocket, publish, receive_until, text
from tests.processes.serving import Serving, serving

DEV = App(id="1", key="key1", secret="secret1")
PEAK_BYTES = 40_000_000  # above what was in use before


def memory_bytes(server: Serving, field: str) -> int:
    for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise AssertionError(field)


def subscription(channel: str, auth: str | None = None, channel_data: str | None = None) -> bytes:
    data = {"channel": channel, "auth": auth, "channel_data": channel_data}
    return text({"event": "pusher:subscribe", "data": {key: value for key, value in data.items() if value}})


def member_subscription(socket_id: str, user: object) -> bytes:
    channel_data = json.dumps(user)
    return subscription("presence-x", channel_auth(DEV, socket_id, "presence-x", channel_data), channel_data)


def connected(port: int) -> tuple[socket.socket, str]:
    """A WebSocket, and its socket id."""
    sock = socket.create_connection(("127.0.0.1", port), 20)
    sock.sendall(handshake("/app/key1"))
    got = receive_until(sock, b"activity_timeout")
    return sock, got.partition(b'socket_id\\":\\"')[2].partition(b"\\")[0].decode()


def count_replies(sock: socket.socket, wanted: bytes, number: int) -> int:
    """Read until it came so often; the bytes that it took."""
    found, size, tail = 0, 0, b""
    while found < number:
        data = sock.recv(1 << 20)
        assert data, f"closed after {found} replies"
        size += len(data)
        found += (tail + data).count(wanted)
        tail = data[1 - len(wanted) :]  # a part of it, perhaps, and never the whole
    return size


def is_answered(port: int) -> None:
    """The node serves others meanwhile."""
    with socket.create_connection(("127.0.0.1", port), 20) as other:
        other.sendall(b"GET /up HTTP/1.1\r\nHost: x\r\n\r\n")
        receive_until(other, b"OK")


def test_replies_wait_for_their_reader(tmp_path: Path) -> None:
    """A member of a channel of 100 with 9 kB each subscribes 260 times in one write, which makes 236 MB of lists,
    on each of ten connections. All are sent, to those who read."""
    with serving(tmp_path) as server, contextlib.ExitStack() as stack:
        for number in range(100):
            member, socket_id = connected(server.port)
            stack.enter_context(member)
            member.sendall(member_subscription(socket_id, {"user_id": number, "user_info": "x" * 9000}))
            receive_until(member, b"subscription_succeeded")
            threading.Thread(target=discard, args=(member,), daemon=True).start()
        before = memory_bytes(server, "VmHWM")
        attackers = []
        for _ in range(10):
            attacker, socket_id = connected(server.port)
            stack.enter_context(attacker)
            attacker.sendall(member_subscription(socket_id, {"user_id": 1}) * 260)
            attackers.append(attacker)
        is_answered(server.port)
        assert count_replies(attackers[0], b"subscription_succeeded", 260) > 200_000_000
        assert memory_bytes(server, "VmHWM") - before < PEAK_BYTES


def test_cached_events_wait_for_their_reader(tmp_path: Path) -> None:
    """100 connections that ask for the last event of a channel 1,000 times each, and do not read: 980 MB, unsigned."""
    with serving(tmp_path) as server, contextlib.ExitStack() as stack:
        publisher = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 20))
        publisher.sendall(publish("cache-x", "x" * 9000))
        receive_until(publisher, b"{}")
        before = memory_bytes(server, "VmHWM")
        attackers = [stack.enter_context(open_websocket(server.port)) for _ in range(100)]
        for attacker in attackers:
            attacker.setblocking(False)
            attacker.send(subscription("cache-x") * 1000)
        is_answered(server.port)
        attackers[0].settimeout(20)
        count_replies(attackers[0], b"subscription_succeeded", 1000)
        assert memory_bytes(server, "VmHWM") - before < PEAK_BYTES


def test_signing_in_again_and_again_ends_the_connection(tmp_path: Path) -> None:
    """A client repeats what was signed for it, with a watchlist of 100, and waits for no answer: a hundred wait for the
    one before, and for the next it is closed."""
    with serving(tmp_path) as server:
        before = memory_bytes(server, "VmHWM")
        attacker, socket_id = connected(server.port)
        with attacker:
            user_data = {"id": "1", "watchlist": [f"user-{number}" for number in range(100)]}
            sign_in = text({"event": "pusher:signin", "data": DEV.authenticate_user(socket_id, user_data)})
            threading.Thread(target=send_until_closed, args=(attacker, sign_in * 3000), daemon=True).start()
            is_answered(server.port)
            received = bytearray()
            while b'"code":4100' not in received:
                data = attacker.recv(1 << 20)
                assert data, "it is told why"
                received += data
        assert received.count(b"signin_success") < 100
        is_answered(server.port)
        assert memory_bytes(server, "VmHWM") - before < PEAK_BYTES


def send_until_closed(sock: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):
        sock.sendall(data)


def test_a_publisher_waits_for_its_readers(tmp_path: Path) -> None:
    """200 readers and a publisher that pipelines events of 3 kB as fast as it can: it is slowed to what they read,
    within the bound for all, and nobody is closed."""
    limit_bytes = 16_000_000
    environment = {"REVURB_MAX_QUEUED_TOTAL": str(limit_bytes)}
    with serving(tmp_path, environment=environment) as server, contextlib.ExitStack() as stack:
        readers = [stack.enter_context(open_websocket(server.port)) for _ in range(200)]
        selector = stack.enter_context(selectors.DefaultSelector())
        for reader in readers:
            reader.sendall(subscription("news"))
            receive_until(reader, b"subscription_succeeded")
            selector.register(reader, selectors.EVENT_READ)
        before = memory_bytes(server, "VmHWM")
        publisher = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 20))
        threading.Thread(target=discard, args=(publisher,), daemon=True).start()
        sender = threading.Thread(target=publisher.sendall, args=(publish("news", "x" * 3000) * 3000,))
        sender.start()
        received = 0
        while received < 200 * 3000 * 3000:
            for key, _ in selector.select(20):
                data = key.fileobj.recv(1 << 20)  # type: ignore[union-attr]
                assert data, "nobody is closed"
                received += len(data)
        sender.join()
        assert memory_bytes(server, "VmHWM") - before < limit_bytes + PEAK_BYTES


def test_readers_that_take_a_little_now_and_then_do_not_keep_the_others_waiting(tmp_path: Path) -> None:
    """Subscribers that never read enough to be in time, and never so little that they seem gone, fill the bound for
    all together. They are closed, and what others had sent meanwhile is answered, however long it waited."""
    environment = {
        "REVURB_MAX_QUEUED_TOTAL": "1048576",
        "REVURB_REQUEST_TIMEOUT": "1",
        "REVURB_CLOSE_TIMEOUT": "0.1",
    }
    with serving(tmp_path, environment=environment) as server, contextlib.ExitStack() as stack:
        readers = []
        for _ in range(4):
            reader = stack.enter_context(socket.socket())
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.connect(("127.0.0.1", server.port))
            reader.sendall(handshake("/app/key1") + subscription("news"))
            receive_until(reader, b"subscription_succeeded")
            readers.append(reader)
        is_over = threading.Event()
        trickle = threading.Thread(target=take_a_little, args=(readers, is_over))
        trickle.start()
        try:
            honest = stack.enter_context(open_websocket(server.port))
            honest.settimeout(30)
            publisher = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 30))
            event = publish("news", "x" * 8000)
            publisher.settimeout(0.5)
            with contextlib.suppress(TimeoutError):  # until nobody is served any more
                while True:
                    publisher.sendall(event)
                    receive_until(publisher, b"{}")
            other = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 30))
            other.sendall(publish("other", "x" * 3000))
            honest.sendall(text({"event": "pusher:ping"}))
            receive_until(honest, b"pusher:pong")
            receive_until(other, b"{}")
        finally:
            is_over.set()
            trickle.join()


def take_a_little(readers: list[socket.socket], is_over: threading.Event) -> None:
    while not is_over.wait(0.2):
        for reader in readers:
            with contextlib.suppress(OSError):
                reader.recv(4096, socket.MSG_DONTWAIT)


def discard(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while sock.recv(1 << 20):
            pass
