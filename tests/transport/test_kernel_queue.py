"""What the kernel says of its send queue."""

from __future__ import annotations

import socket

from revurb.transport.kernel_queue import kernel_queue_bytes


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
