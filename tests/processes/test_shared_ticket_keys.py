"""A client of TLS resumes with whichever worker it comes back to, before a restart and behind it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from revurb.processes import shared_ticket_keys
from revurb.processes.shared_ticket_keys import SharedTicketKeys, inherited_ticket_keys
from revurb.transport.ticket_keys import KEYS_BYTES
from tests.processes.serving import all_ready, serving, workers

NODE = """
const tls = require('tls');
function visit(left, session, seen) {
  if (!left) return console.log(seen.join());
  const socket = tls.connect({port: +process.argv[1], host: '127.0.0.1', rejectUnauthorized: false, session});
  socket.on('session', given => session = given);
  socket.on('secureConnect', () => {
    seen.push(socket.isSessionReused());
    socket.write('GET /up HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n');
  });
  socket.resume().on('close', () => visit(left - 1, session, seen));
}
visit(+process.argv[2], undefined, []);
"""
VISITS = 12  # that all of them reach the same one of two workers happens once in 2,048 times


def test_openssl_and_node_come_back(tmp_path: Path, need: Callable[[str], str]) -> None:
    openssl, node, ticket = need("openssl"), need("node"), tmp_path / "ticket"
    issued = trustme.CA().issue_cert("localhost")
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))

    def visit(port: int, version: str, *options: str) -> bool:
        """Whether it resumed. It leaves when it is answered, since tickets come behind the handshake."""
        command = [openssl, "s_client", "-connect", f"127.0.0.1:{port}", f"-{version}", "-ign_eof", *options]
        request = "GET /up HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        done = subprocess.run(command, input=request, capture_output=True, text=True, timeout=20)
        assert "200 OK" in done.stdout, done.stdout + done.stderr
        return "\nReused, TLS" in done.stdout

    files = ("--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"))
    with serving(tmp_path, "--workers", "2", *files) as server:
        server.becomes(all_ready)
        before = {row.pid for row in server.workers()}
        for version in ("tls1_2", "tls1_3"):
            assert not visit(server.port, version, "-sess_out", str(ticket))
            assert all(visit(server.port, version, "-sess_in", str(ticket)) for _ in range(VISITS))
        command = [node, "-e", NODE, str(server.port), str(1 + VISITS)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
        assert (done.stdout.strip(), done.stderr) == (",".join(["false"] + ["true"] * VISITS), "")
        server.signal(signal.SIGHUP)
        server.becomes(lambda status: all_ready(status) and not before & {row.pid for row in workers(status)})
        assert visit(server.port, "tls1_3", "-sess_in", str(ticket))


async def test_workers_read_the_keys_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = SharedTicketKeys()
    read = inherited_ticket_keys(os.dup(keys.fd))
    seen = [read()]
    assert len(seen[0]) == KEYS_BYTES
    monkeypatch.setattr(shared_ticket_keys, "RENEWED_AFTER_S", 0.001)
    keys.keep_renewing()
    keys.keep_renewing()
    while len(seen) < 3:  # again and again
        if (now := read()) not in seen:
            seen.append(now)
        await asyncio.sleep(0)
    assert keys._timer is not None
    keys._timer.cancel()
