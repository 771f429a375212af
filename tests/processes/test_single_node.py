"""`revurb serve` as an operator meets it: a process, its signals, its words."""

import asyncio
import os
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from revurb import App
from tests.client import Ended, connect, http
from tests.conftest import Run

APP = App(id="1", key="key1", secret="secret1")


class Process:
    """A running `revurb serve`; its standard output has been read up to the line that says where it listens."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def ended(self) -> tuple[int, str, str]:
        # Not communicate(): it would miss what has been read ahead of the line that was looked for.
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        out, err = self.process.stdout.read(), self.process.stderr.read()
        return self.process.wait(timeout=20), out, err


@contextmanager
def serving(cwd: Path, *args: str, **environment: str) -> Iterator[Process]:
    process = subprocess.Popen(
        [sys.executable, "-m", "revurb", "serve", "--port", "0", *args],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "REVURB_RUNTIME_DIR": str(cwd), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        port = 0
        for line in process.stdout:
            if found := re.search(r"listening on \S+?:(\d+)", line):
                port = int(found[1])
                break
        assert port, process.communicate(timeout=20)[1]
        yield Process(process, port)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_drains_and_ends_with_0(run: Run, tmp_path: Path, number: int) -> None:
    with serving(tmp_path, "--dev") as server:

        async def main() -> None:
            async with connect(server.port, "key1") as client:
                await client.subscribe("a")
                server.signal(number)
                assert await client.closed() == 4200

        run(main())
        code, _, err = server.ended()
        assert code == 0
        assert "stopping" in err
        assert "stopped" in err


def test_a_second_signal_ends_at_once(run: Run, tmp_path: Path) -> None:
    with serving(tmp_path, "--dev", "--drain-timeout", "600") as server:

        async def main() -> None:
            async with http(server.port) as stuck, http(server.port) as idle:
                await stuck.send_bytes(b"GET /up HTTP/1.1\r\nHo")
                await idle.request("GET", "/up")
                server.signal(signal.SIGTERM)
                with pytest.raises(Ended):  # the idle one is let go first, so the drain has begun
                    await idle.response()
                server.signal(signal.SIGTERM)
                with pytest.raises(Ended):
                    await stuck.response()

        run(main())
        assert server.ended()[0] == 0


def test_debug_prints_each_message(run: Run, tmp_path: Path) -> None:
    with serving(tmp_path, "--dev", "--debug") as server:

        async def main() -> None:
            async with connect(server.port, "key1") as client:
                await client.subscribe("private-a", APP)

        run(main())
        server.signal(signal.SIGTERM)
        _, out, _ = server.ended()
    assert "connected to app 1" in out
    assert "<-- " in out
    assert '"auth":"..."' in out
    assert "pusher_internal:subscription_succeeded private-a {}" in out
    assert "disconnected" in out


def write_certificate(directory: Path, authority: trustme.CA) -> tuple[str, str]:
    certificate = authority.issue_cert("localhost")
    cert, key = directory / "cert.pem", directory / "key.pem"
    certificate.cert_chain_pems[0].write_to_path(str(cert))
    certificate.private_key_pem.write_to_path(str(key))
    return str(cert), str(key)


def test_sighup_reads_the_certificate_again(run: Run, tmp_path: Path) -> None:
    old, new = trustme.CA(), trustme.CA()
    cert, key = write_certificate(tmp_path, old)

    def trusting(authority: trustme.CA) -> ssl.SSLContext:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        return context

    with serving(tmp_path, "--dev", "--tls-cert", cert, "--tls-key", key) as server:

        def next_log_line() -> str:
            assert server.process.stderr is not None
            return server.process.stderr.readline()

        async def main() -> None:
            async with connect(server.port, "key1", tls=trusting(old)) as client:
                await client.subscribe("a")
                assert "listening" in next_log_line()
                write_certificate(tmp_path, new)
                server.signal(signal.SIGHUP)
                assert "reloaded" in next_log_line()
                async with connect(server.port, "key1", tls=trusting(new)) as other:
                    await other.subscribe("a")
                Path(cert).write_text("nonsense")
                server.signal(signal.SIGHUP)
                assert "the old certificate stays in use" in next_log_line()
                async with connect(server.port, "key1", tls=trusting(new)) as other:
                    await other.subscribe("a")
                await client.expect_silence()
                with pytest.raises(ssl.SSLError):
                    await asyncio.open_connection(
                        "127.0.0.1", server.port, ssl=trusting(old), server_hostname="localhost"
                    )

        run(main())
        server.signal(signal.SIGTERM)
        assert server.ended()[0] == 0
