"""A server of an older release, whose control socket knows of no loads."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import click
import msgspec
import pytest

from revurb.cli.load_sample import RateMeter
from revurb.cli.load_source import LocalServer, proc_load
from revurb.processes.control_socket import ControlReply, ProcessStatus, ServerStatus


def test_there_are_memory_and_cpu_time_then(tmp_path: Path) -> None:
    process = ProcessStatus("node", os.getpid(), "ready", 5.0, 2, 0, "")
    status = ServerStatus("0.0.9", os.getpid(), "127.0.0.1", 8080, "ready", 5.0, False, [process])
    path = tmp_path / "8080.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def answer() -> None:
            for _ in range(4):
                with listening.accept()[0] as connection:
                    if b'"status"' in connection.recv(1000):
                        connection.sendall(msgspec.json.encode(ControlReply(status=status)) + b"\n")

        thread = threading.Thread(target=answer)
        thread.start()
        source = LocalServer(path)
        source.read()
        now = source.read()
        thread.join()
    (row,), _ = RateMeter().rows(now)
    assert (row.connections, row.deliveries_per_s) == (2, None)
    assert row.memory_bytes is not None
    assert row.memory_bytes > 1_000_000
    with pytest.raises(click.ClickException, match="the server has ended"):
        source.read()


def test_a_process_that_is_gone_has_none() -> None:
    assert proc_load("node", 2**22 + 1) is None
    mine = proc_load("node", os.getpid())
    assert mine is not None
    assert mine.cpu_s > 0
