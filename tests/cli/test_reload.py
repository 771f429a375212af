"""`revurb reload` on servers in processes of their own."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme

from tests.cli.local import run
from tests.client import connect
from tests.processes.serving import serving
from tests.processes.test_single_node import write_certificate

pytestmark = pytest.mark.usefixtures("elsewhere")


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def test_all_workers_are_renewed_and_nobody_is_moved(tmp_path: Path) -> None:
    old, new = trustme.CA(), trustme.CA()
    cert, key = write_certificate(tmp_path, old)
    with serving(tmp_path, "--workers", "2", "--tls-cert", cert, "--tls-key", key) as server:

        async def reload() -> tuple[int, str]:
            result = await asyncio.to_thread(run, server.runtime_dir, "reload")
            return result.exit_code, result.output

        async def main() -> None:
            async with connect(server.port, "key1", tls=trusting(old)) as client:
                await client.subscribe("a")
                before = {row.pid for row in server.workers()}
                write_certificate(tmp_path, new)
                assert await reload() == (
                    0,
                    f"The server on port {server.port} has read its certificate again\n",
                )
                for _ in range(8):  # whichever worker they come to
                    async with connect(server.port, "key1", tls=trusting(new)) as other:
                        await other.subscribe("a")
                Path(key).write_text("nonsense")
                code, output = await reload()
                assert code == 1
                assert f"cannot use the TLS certificate {cert}" in output
                assert {row.pid for row in server.workers()} == before
                await client.expect_silence()

        asyncio.run(main())


def test_without_tls_there_is_nothing_to_read(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        result = run(server.runtime_dir, "reload")
        assert result.exit_code == 1
        assert "TLS is off" in result.output
