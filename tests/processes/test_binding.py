from __future__ import annotations

import socket
from pathlib import Path

import pytest

from revurb.processes.binding import bind
from revurb.transport.listener import ListenError


def test_all_slots_have_the_same_addresses() -> None:
    binding = bind(["127.0.0.1"], 0, None, 0o600, 3)
    try:
        assert {sock.getsockname() for slot in binding.slots for sock in slot} == {
            ("127.0.0.1", binding.port)
        }
        assert len(set(binding.fds())) == 3
    finally:
        binding.close()
    bind(["127.0.0.1"], binding.port, None, 0o600, 2).close()  # it was given back


def test_a_taken_port_is_an_error_also_if_it_would_be_shared() -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ListenError, match=f"cannot listen on 127.0.0.1:{port}: address already in use"):
            bind(["127.0.0.1"], port, None, 0o600, 2)


def test_a_name_that_is_none() -> None:
    with pytest.raises(ListenError, match=r"cannot listen on nowhere\.invalid:1: "):
        bind(["nowhere.invalid"], 1, None, 0o600, 1)


def test_a_unix_socket_is_one_for_all_and_goes_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "s"
    binding = bind(["127.0.0.1"], 0, str(path), 0o600, 2)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(binding.fds()) == 3
    binding.close()
    assert not path.exists()


def test_a_unix_socket_that_is_not_to_be_had_gives_the_port_back(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ListenError, match="Unix socket"):
        bind(["127.0.0.1"], port, str(tmp_path / "no" / "s"), 0o600, 2)
    bind(["127.0.0.1"], port, None, 0o600, 1).close()


def test_several_addresses_have_one_port_for_all_workers() -> None:
    binding = bind(["127.0.0.1", "::1"], 0, None, 0o600, 2)
    try:
        for slot in binding.slots:
            assert [sock.getsockname()[:2] for sock in slot] == [
                ("127.0.0.1", binding.port),
                ("::1", binding.port),
            ]
    finally:
        binding.close()
