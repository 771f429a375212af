"""What the kernel says of its send queue."""

from __future__ import annotations

import socket
import sys
import time

import pytest

from revurb.transport.kernel_queue import kernel_queue_bytes, seconds_since_sent, traffic_bytes


def test_what_the_peer_does_not_take_is_counted() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as here,
    ):
        there, _ = listener.accept()
        with there:
            assert kernel_queue_bytes(here.fileno()) == 0
            here.setblocking(False)
            sent = here.send(b"x" * 50_000_000)
            assert 0 < kernel_queue_bytes(here.fileno()) <= sent


def test_a_closed_descriptor_holds_nothing() -> None:
    assert kernel_queue_bytes(-1) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_how_long_nothing_was_sent() -> None:
    """What is received does not count."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as here,
    ):
        there, _ = listener.accept()
        with there:
            here.send(b"x")
            sent_at = time.monotonic()
            while time.monotonic() < sent_at + 0.05:
                there.send(b"x")
            passed_s = time.monotonic() - sent_at
            assert 0.03 < (seconds_since_sent(here) or 0) < passed_s + 1.0
            here.send(b"x")
            assert (seconds_since_sent(here) or 0) < passed_s


def test_where_the_kernel_does_not_tell() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert seconds_since_sent(one) is None
    assert seconds_since_sent(one) is None
    assert seconds_since_sent(None) == 0.0


def test_what_has_gone_over_a_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with socket.create_connection(listener.getsockname()) as there:
            here, _ = listener.accept()
            with here:
                here.sendall(b"x" * 300)
                there.sendall(b"y" * 20)
                assert here.recv(100) == b"y" * 20
                assert traffic_bytes(here) == (20, 300)
    assert traffic_bytes(None) is None
    one, other = socket.socketpair()
    with one, other:
        assert traffic_bytes(one) is None
