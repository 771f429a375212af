"""Check of this host: whether a server runs on the configured port, or could.

A server is found by its control socket, so another program on the port is told apart from one of ours.
"""

from __future__ import annotations

import errno

from revurb.config import Config
from revurb.config.normalization import shown_addresses
from revurb.doctor.finding import Finding
from revurb.processes.binding import bind
from revurb.processes.control_socket import ControlRequest, ServerStatus, send_control_request
from revurb.processes.runtime_dir import control_sockets
from revurb.transport.listener import ListenError
from revurb.version import __version__

REPLY_TIMEOUT_S = 5.0


def check_local_server(config: Config) -> list[Finding]:
    """One finding for each server on this host; without one on the configured port, also whether that can be had."""
    servers = _running_servers(config)
    findings = [_server_finding(server) for server in servers]
    if all(server.port != config.server.port for server in servers):
        findings.append(_port_finding(config))
    return findings


def _server_finding(server: ServerStatus) -> Finding:
    connections = sum(process.connections for process in server.processes)
    known = f"on port {server.port}, pid {server.pid}: {server.state}, {connections} connections"
    if server.version != __version__:
        return Finding(
            "warning", "server", f"{known}, Revurb {server.version}",
            f"Revurb {__version__} is installed: restart the server to run it.",
        )  # fmt: skip
    cut_off = {process.bus for process in server.processes if process.bus}
    if server.state != "ready" or cut_off:
        reason = f" ({', '.join(sorted(cut_off))})" if cut_off else ""
        return Finding("warning", "server", f"{known}{reason}", "See revurb status, and its log.")
    return Finding("ok", "server", known)


def _port_finding(config: Config) -> Finding:
    """Binds the address for a moment."""
    server = config.server
    if server.port == 0:
        return Finding("ok", "port", "any that is free (0)")
    address = shown_addresses(server.host, server.port)
    try:
        bind(server.hosts, server.port, None, 0, 1).close()
    except ListenError as error:
        return Finding(
            "wrong", "port", str(error), _remedy(getattr(error.__cause__, "errno", None), server.port)
        )
    return Finding("ok", "port", f"{address} is free, no server runs on it")


def _remedy(number: int | None, port: int) -> str:
    """What to do about an error of the system."""
    if number == errno.EADDRINUSE:
        return (
            f"Is something else running there (ss -ltnp 'sport = :{port}')? Stop it, or choose another address "
            "with REVERB_SERVER_HOST and REVERB_SERVER_PORT."
        )
    if number in (errno.EACCES, errno.EPERM):
        return (
            "Ports below 1024 are root's: choose another with REVERB_SERVER_PORT, or give the server "
            "CAP_NET_BIND_SERVICE (systemd: AmbientCapabilities)."
        )
    return "REVERB_SERVER_HOST has to be an address of this host, or 0.0.0.0 for all of them."


def _running_servers(config: Config) -> list[ServerStatus]:
    servers = []
    for _, sock in control_sockets(config.process.runtime_dir):
        with sock:
            try:
                status = send_control_request(sock, ControlRequest("status"), REPLY_TIMEOUT_S).status
            except (OSError, ValueError):
                continue  # its port is found to be in use
        if status is not None:
            servers.append(status)
    return servers
