"""The certificate that a client is shown: the one in use, the renewed one, the old one where the new is of no use."""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from revurb.transport.tls import PLAIN_TEXT_ANSWER, ServerTls, TlsError

PASSWORD = "hush"


class Files:
    """A certificate and its key in a folder."""

    def __init__(self, folder: Path) -> None:
        self.cert, self.key = folder / "cert.pem", folder / "key.pem"

    def write(self, issued: trustme.LeafCert, *, key: bytes | None = None) -> bytes:
        """Replace both, the key by another one if given; returns the certificate as a client sees it."""
        pem = issued.cert_chain_pems[0].bytes()
        self.cert.write_bytes(pem)
        self.key.write_bytes(issued.private_key_pem.bytes() if key is None else key)
        return ssl.PEM_cert_to_DER_cert(pem.decode())


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture(scope="module")
def issued() -> tuple[trustme.LeafCert, trustme.LeafCert]:
    authority = trustme.CA()
    return authority.issue_cert("localhost"), authority.issue_cert("localhost")


def shown_by(server: ssl.SSLContext) -> bytes | None:
    """What a client that connects now is shown, after a handshake in memory."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    there, here = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (client.wrap_bio(there, here), server.wrap_bio(here, there, server_side=True))
    for _ in range(4):
        for end in ends:
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    return ends[0].getpeercert(binary_form=True)


async def test_a_renewed_certificate_is_shown_from_then_on(
    files: Files, issued: tuple[trustme.LeafCert, trustme.LeafCert]
) -> None:
    first = files.write(issued[0])
    tls = ServerTls(str(files.cert), str(files.key))
    assert shown_by(tls.context) == first
    renewed = files.write(issued[1])
    assert shown_by(tls.context) == first != renewed
    assert tls.changed_files() is not None
    await tls.reload()
    assert shown_by(tls.context) == renewed
    assert tls.changed_files() is None
    files.write(issued[0])
    await tls.reload()
    assert shown_by(tls.context) == first


@pytest.mark.parametrize("fault", ["another-key", "no-key", "nonsense"])
async def test_one_that_is_of_no_use_leaves_the_old_one_in_use(
    files: Files, issued: tuple[trustme.LeafCert, trustme.LeafCert], fault: str
) -> None:
    """Also where the certificate itself is good: it is not taken before its key has been."""
    old = files.write(issued[0])
    tls = ServerTls(str(files.cert), str(files.key))
    files.write(issued[1], key=issued[0].private_key_pem.bytes() if fault == "another-key" else b"nonsense")
    if fault == "no-key":
        files.key.unlink()
    with pytest.raises(TlsError) as raised:
        await tls.reload()
    assert str(raised.value).startswith(
        f"cannot use the TLS certificate {files.cert} with the key {files.key}: "
    )
    assert shown_by(tls.context) == old
    assert tls.changed_files() is None  # it is tried again when the files change, not before


def test_an_encrypted_key_needs_its_password_and_asks_nobody(
    files: Files, issued: tuple[trustme.LeafCert, trustme.LeafCert]
) -> None:
    key = load_pem_private_key(issued[0].private_key_pem.bytes(), None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSWORD.encode())
    )
    shown = files.write(issued[0], key=key)
    for password in (None, "wrong"):
        with pytest.raises(TlsError) as raised:
            ServerTls(str(files.cert), str(files.key), password)
        assert "wrong" not in str(raised.value)
    assert shown_by(ServerTls(str(files.cert), str(files.key), PASSWORD).context) == shown


async def test_a_plain_request_is_answered_and_told(
    files: Files, issued: tuple[trustme.LeafCert, trustme.LeafCert]
) -> None:
    told: list[None] = []
    files.write(issued[0])
    tls = ServerTls(str(files.cert), str(files.key), on_plain_text=lambda: told.append(None))
    await tls.reload()
    there, here = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = tls.context.wrap_bio(there, here, server_side=True)
    there.write(b"GET /up HTTP/1.1\r\nHost: x\r\n\r\n")
    with pytest.raises(ssl.SSLWantReadError):  # so that the loop sends what is outgoing
        server.do_handshake()
    assert here.read() == PLAIN_TEXT_ANSWER
    for _ in range(2):
        with pytest.raises(ssl.SSLError, match="http request"):
            server.do_handshake()
    assert (here.read(), len(told)) == (b"", 1)
    head, _, body = PLAIN_TEXT_ANSWER.partition(b"\r\n\r\n")
    assert b"Content-Length: %d\r\n" % len(body) in head


def test_other_nonsense_is_a_failed_handshake(
    files: Files, issued: tuple[trustme.LeafCert, trustme.LeafCert]
) -> None:
    files.write(issued[0])
    there, here = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = ServerTls(str(files.cert), str(files.key)).context.wrap_bio(there, here, server_side=True)
    there.write(b"\xff" * 100)
    with pytest.raises(ssl.SSLError) as caught:
        server.do_handshake()
    assert caught.value.reason != "HTTP_REQUEST"
