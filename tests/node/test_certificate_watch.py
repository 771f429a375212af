"""A node's certificate: renewed when its files change, and a warning before it ends."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from revurb import App, Server
from revurb.node import certificate_watch
from revurb.node.certificate_watch import CHECK_S, WARN_EVERY_S, CertificateWatch, seconds_left, shown_end
from revurb.transport.tls import ServerTls
from tests.client import connect

AUTHORITY = trustme.CA()


def write(folder: Path, days: float = 365) -> tuple[str, str]:
    issued = AUTHORITY.issue_cert("localhost", not_after=datetime.now(UTC) + timedelta(days=days))
    issued.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    return str(folder / "cert.pem"), str(folder / "key.pem")


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_the_files_are_read_when_they_have_changed_and_are_quiet(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "revurb")
    tls = ServerTls(*write(tmp_path))
    watch = CertificateWatch(tls)
    before, now = tls.ends_at, 0.0
    for number in range(3):  # while they change from look to look, they are not read
        write(tmp_path, days=400 + number)
        now += CHECK_S
        watch.check(now)
    await asyncio.sleep(0)
    assert tls.ends_at == before
    watch.check(now + CHECK_S / 2)  # too early
    assert watch._renewing is None
    watch.check(now + CHECK_S)
    await until(lambda: tls.ends_at != before)
    await until(lambda: "renewed the TLS certificate" in caplog.text)
    (tmp_path / "key.pem").write_text("nonsense")
    for number in range(2, 6):
        watch.check(now + number * CHECK_S)
        await until(lambda: watch._renewing is None or watch._renewing.done())
    assert caplog.text.count("cannot be used, the old one stays in use") == 1


@pytest.mark.parametrize(
    ("days", "line"),
    [(13.5, "the TLS certificate ends soon"), (-1, "the TLS certificate has ended"), (14.5, None)],
)
def test_it_is_warned_of_once_a_day(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, days: float, line: str | None
) -> None:
    tls = ServerTls(*write(tmp_path, 1))
    tls.ends_at = datetime.now(UTC).timestamp() + days * 86_400
    watch = CertificateWatch(tls)
    for number in range(10):
        watch.check(1.0 + number * CHECK_S)
    assert [record.message for record in caplog.records if line and record.message.startswith(line)] == (
        [] if line is None else [caplog.records[0].message]
    )
    watch.check(2.0 + WARN_EVERY_S)
    assert len(caplog.records) == (0 if line is None else 2)
    if days > 0 and line:
        assert caplog.records[0].__dict__["days_left"] == 13
        assert caplog.records[0].__dict__["ends"] == shown_end(tls)


def test_one_process_of_a_server_tells_of_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tls = ServerTls(*write(tmp_path, 1))
    CertificateWatch(tls, warns=False).check(1.0)
    assert not caplog.records
    CertificateWatch(tls).check(1.0)
    assert len(caplog.records) == 1


def test_an_end_that_cannot_be_read_is_no_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tls = ServerTls(*write(tmp_path))
    tls.ends_at = None
    CertificateWatch(tls).check(1.0)
    assert seconds_left(tls) is None
    assert not caplog.records


async def test_new_clients_of_a_node_are_shown_the_renewed_one_and_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificate_watch, "CHECK_S", 0.02)
    cert, key = write(tmp_path)
    trusting = ssl.create_default_context()
    AUTHORITY.configure_trust(trusting)

    async def shown(port: int) -> bytes | None:
        _, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=trusting, server_hostname="localhost"
        )
        found: bytes | None = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return found

    apps = [App(id="1", key="k", secret="s")]
    async with Server(apps=apps, port=0, tls_cert=cert, tls_key=key) as server:
        async with connect(server.port, "k", tls=trusting) as client:
            before = await shown(server.port)
            write(tmp_path)
            renewed = ssl.PEM_cert_to_DER_cert(Path(cert).read_text())
            async with asyncio.timeout(10):
                while await shown(server.port) != renewed:
                    await asyncio.sleep(0.02)
            assert before != renewed
            await client.subscribe("a")  # still there
