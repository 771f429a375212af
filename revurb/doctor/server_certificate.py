"""Check of the TLS certificate: that it can be used with its key, how long it is valid, and for which names.

The server side shows it to a client in memory, which trusts it and nothing else, so that what a browser would find is
found: a key of another certificate, a date that has passed, a name that is missing.
"""

from __future__ import annotations

import contextlib
import ssl
import time
from typing import Any

from revurb.config import Config
from revurb.doctor.finding import Finding
from revurb.node.certificate_watch import WARN_BEFORE_S
from revurb.transport.tls import ServerTls, TlsError

RENEW = "Renew it: a running server reads the files when they have changed."


def check_certificate(config: Config, now: float | None = None) -> Finding:
    """`now` is in seconds since 1970, by default the present time."""
    tls = config.tls
    if tls.cert is None or tls.key is None:
        return Finding(
            "ok", "TLS", "off: the server speaks plain HTTP, and a proxy in front of it may do TLS"
        )
    try:
        server = ServerTls(tls.cert, tls.key, tls.key_password).context
        shown = _shown_to_client(server, tls.cert, None)
    except TlsError as error:
        return Finding("wrong", "TLS", str(error), "Check REVURB_TLS_CERT, REVURB_TLS_KEY and its password.")
    except ssl.SSLCertVerificationError as error:
        return Finding("wrong", "TLS", f"{tls.cert}: {error.verify_message}", RENEW)
    except (ssl.SSLError, OSError, ValueError) as error:
        return Finding("wrong", "TLS", f"{tls.cert}: {error}", "Is it a certificate in PEM form?")
    left_s = ssl.cert_time_to_seconds(shown["notAfter"]) - (time.time() if now is None else now)
    names = ", ".join(name for _, name in shown.get("subjectAltName", ())) or "no name"
    observation = f"for {names}, valid for {left_s / 86_400:.0f} more days"
    if left_s < WARN_BEFORE_S:
        return Finding("warning", "TLS", observation, RENEW)
    hostname = config.server.hostname
    if hostname is not None and not _is_valid_for(server, tls.cert, hostname):
        return Finding(
            "warning", "TLS", f"{observation}, but not for {hostname} (REVERB_HOST)",
            "Clients that connect to that name will refuse it.",
        )  # fmt: skip
    return Finding("ok", "TLS", observation)


def _is_valid_for(server: ssl.SSLContext, cert: str, hostname: str) -> bool:
    try:
        _shown_to_client(server, cert, hostname)
    except (ssl.SSLCertVerificationError, ValueError):  # ValueError: it cannot be a host name
        return False
    return True


def _shown_to_client(server: ssl.SSLContext, cert: str, hostname: str | None) -> dict[str, Any]:
    """What a client sees of the certificate in a handshake in memory. Raises SSLCertVerificationError where it would
    refuse it; the issuer is not looked at, and the name only if `hostname` is given."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = hostname is not None
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client.load_verify_locations(cert)
    there, here = ssl.MemoryBIO(), ssl.MemoryBIO()
    visitor = client.wrap_bio(there, here, server_hostname=hostname)
    host = server.wrap_bio(here, there, server_side=True)
    for _ in range(4):  # flights of a handshake
        for end in (visitor, host):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    return visitor.getpeercert() or {}
