"""What `revurb doctor` says of the TLS certificate."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
import trustme

from revurb.config import Config, ServerConfig, TlsConfig
from revurb.doctor.server_certificate import check_certificate


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def files(folder: Path, issued: trustme.LeafCert, key: trustme.LeafCert | None = None) -> TlsConfig:
    cert, key_file = folder / "cert.pem", folder / "key.pem"
    for number, part in enumerate(issued.cert_chain_pems):
        part.write_to_path(str(cert), append=number > 0)
    (key or issued).private_key_pem.write_to_path(str(key_file))
    return TlsConfig(cert=str(cert), key=str(key_file))


def days(count: float) -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=count)


def test_without_one() -> None:
    finding = check_certificate(Config())
    assert (finding.mark, finding.observation[:3]) == ("ok", "off")


def test_one_that_is_good(tmp_path: Path, authority: trustme.CA) -> None:
    issued = authority.issue_cert("ws.example.com", "*.example.org", not_after=days(100.5))
    config = Config(tls=files(tmp_path, issued), server=ServerConfig(hostname="ws.example.com"))
    finding = check_certificate(config)
    assert (finding.mark, finding.observation) == (
        "ok",
        "for ws.example.com, *.example.org, valid for 100 more days",
    )


def test_one_that_ends_soon(tmp_path: Path, authority: trustme.CA) -> None:
    tls = files(tmp_path, authority.issue_cert("ws.example.com", not_after=days(3.2)))
    finding = check_certificate(Config(tls=tls))
    assert (finding.mark, finding.observation) == ("warning", "for ws.example.com, valid for 3 more days")
    assert "Renew it" in finding.advice


def test_one_that_has_ended(tmp_path: Path, authority: trustme.CA) -> None:
    issued = authority.issue_cert("ws.example.com", not_before=days(-9), not_after=days(-1))
    tls = files(tmp_path, issued)
    finding = check_certificate(Config(tls=tls))
    assert (finding.mark, finding.observation) == ("wrong", f"{tls.cert}: certificate has expired")


@pytest.mark.parametrize("hostname", ["other.example.com", "no name at all"])
def test_one_for_another_name(tmp_path: Path, authority: trustme.CA, hostname: str) -> None:
    tls = files(tmp_path, authority.issue_cert("ws.example.com"))
    finding = check_certificate(Config(tls=tls, server=ServerConfig(hostname=hostname)))
    assert finding.mark == "warning"
    assert f"but not for {hostname} (REVERB_HOST)" in finding.observation


def test_a_key_of_another_one(tmp_path: Path, authority: trustme.CA) -> None:
    tls = files(tmp_path, authority.issue_cert("a.example"), authority.issue_cert("b.example"))
    finding = check_certificate(Config(tls=tls))
    assert finding.mark == "wrong"
    assert finding.observation.startswith(f"cannot use the TLS certificate {tls.cert} with the key {tls.key}")


def test_a_file_that_is_none(tmp_path: Path, authority: trustme.CA) -> None:
    tls = files(tmp_path, authority.issue_cert("a.example"))
    assert tls.cert is not None
    Path(tls.cert).write_text("nonsense")
    assert check_certificate(Config(tls=tls)).mark == "wrong"
