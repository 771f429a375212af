"""Session tickets of one context, shown to another: taken where both have the same keys."""

from __future__ import annotations

import contextlib
import os
import ssl
import threading

import pytest
import trustme

from revurb.transport.ticket_keys import KEYS_BYTES, TicketContext
from revurb.transport.tls import ServerTls

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("tls")
    issued, cert, key = trustme.CA().issue_cert("localhost"), folder / "cert.pem", folder / "key.pem"
    issued.cert_chain_pems[0].write_to_path(str(cert))
    issued.private_key_pem.write_to_path(str(key))
    return str(cert), str(key)


class Visitor:
    """A client that shows the ticket that it was given last."""

    def __init__(self, version: ssl.TLSVersion) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.check_hostname, self._context.verify_mode = False, ssl.CERT_NONE
        self._context.minimum_version = self._context.maximum_version = version
        self._session: ssl.SSLSession | None = None

    def resumes(self, tls: ServerTls) -> bool:
        there, here = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = self._context.wrap_bio(there, here, session=self._session)
        server = tls.context.wrap_bio(here, there, server_side=True)
        for end in (client, server) * 3:
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
        server.write(b"x")
        assert client.read(1) == b"x"
        self._session = client.session
        return bool(client.session_reused)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_ticket_is_taken_by_all_with_its_keys(
    files: tuple[str, str], version: ssl.TLSVersion
) -> None:
    keys = [os.urandom(KEYS_BYTES)]
    one, two = (ServerTls(*files, ticket_keys=lambda: keys[-1]) for _ in range(2))
    alone = ServerTls(*files)
    visitor = Visitor(version)
    assert not visitor.resumes(one)
    assert visitor.resumes(two)
    await two.reload()
    assert visitor.resumes(two)
    assert visitor.resumes(one)
    assert not visitor.resumes(alone)
    assert visitor.resumes(alone)
    assert not visitor.resumes(one)
    keys.append(os.urandom(KEYS_BYTES))
    two.renew_ticket_keys()
    assert not visitor.resumes(two)
    one.renew_ticket_keys()
    assert visitor.resumes(one)


def test_keys_have_their_length() -> None:
    with pytest.raises(ValueError, match="keys of session tickets are 80 bytes, not 79"):
        TicketContext().set_keys(bytes(KEYS_BYTES - 1))


def test_contexts_that_are_made_meanwhile_are_left_alone(files: tuple[str, str]) -> None:
    done = threading.Event()

    def make() -> None:
        while not done.is_set():
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    others = threading.Thread(target=make)
    others.start()
    try:
        keys = os.urandom(KEYS_BYTES)
        servers = [ServerTls(*files, ticket_keys=lambda: keys) for _ in range(50)]
    finally:
        done.set()
        others.join()
    visitor = Visitor(ssl.TLSVersion.TLSv1_3)
    assert [visitor.resumes(tls) for tls in servers] == [False] + [True] * 49


def test_an_address_is_found_in_every_openssl_that_tests_run_with() -> None:
    assert TicketContext().set_keys(bytes(KEYS_BYTES))
