"""What `revurb doctor` says of the port, and of the server that runs on it."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

import pytest

from revurb.config import Config, ProcessConfig, ServerConfig
from revurb.doctor.finding import Finding
from revurb.doctor.local_server import check_local_server
from tests.processes.serving import serving


def configured(folder: Path, port: int, host: str = "127.0.0.1") -> Config:
    return Config(server=ServerConfig(host=host, port=port), process=ProcessConfig(runtime_dir=str(folder)))


def found(folder: Path, port: int, host: str = "127.0.0.1") -> Finding:
    (finding,) = check_local_server(configured(folder, port, host))
    return finding


def test_a_port_that_is_free(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    assert found(tmp_path, port) == Finding("ok", "port", f"127.0.0.1:{port} is free, no server runs on it")
    assert found(tmp_path, 0).observation == "any that is free (0)"


def test_a_port_that_another_program_has(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        finding = found(tmp_path, port)
    assert (finding.mark, finding.observation) == (
        "wrong",
        f"cannot listen on 127.0.0.1:{port}: address already in use",
    )
    assert f"sport = :{port}" in finding.advice


def test_an_address_that_is_not_of_this_host(tmp_path: Path) -> None:
    finding = found(tmp_path, 8080, "192.0.2.1")  # TEST-NET-1
    assert (finding.mark, finding.subject) == ("wrong", "port")
    assert finding.observation == "cannot listen on 192.0.2.1:8080: cannot assign requested address"
    assert finding.advice.startswith("REVERB_SERVER_HOST has to be an address of this host")


def test_a_port_that_only_root_may_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(sock: socket.socket, address: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(
        socket.socket, "bind", refuse
    )  # tests may run as root, and there is no such port then
    finding = found(tmp_path, 443)
    assert finding.observation == "cannot listen on 127.0.0.1:443: permission denied"
    assert "CAP_NET_BIND_SERVICE" in finding.advice


def test_a_server_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tmp_path) as server:
        running = found(server.runtime_dir, server.port)
        beside = check_local_server(configured(server.runtime_dir, 0))
        monkeypatch.setattr("revurb.doctor.local_server.__version__", "9.9")
        older = found(server.runtime_dir, server.port)
    known = f"on port {server.port}, pid {server.process.pid}: ready, 0 connections"
    assert running == Finding("ok", "server", known)
    assert [finding.subject for finding in beside] == ["server", "port"]
    assert (older.mark, older.observation) == ("warning", f"{known}, Revurb 0.1.0")
    assert "restart" in older.advice
