"""Check of the trusted proxies: whether a client could choose its own address."""

from __future__ import annotations

from revurb.config import Config
from revurb.doctor.finding import Finding

_LOOPBACK = ("127.", "::1", "localhost")


def check_proxies(config: Config) -> list[Finding]:
    """Nothing where no proxy is trusted: what clients have as address is that of who connects."""
    server = config.server
    if not server.trusted_proxies:
        return []
    how = "a PROXY header" if server.proxy_protocol else "X-Forwarded-For or Forwarded"
    if "*" in server.trusted_proxies and not all(host.startswith(_LOOPBACK) for host in server.hosts):
        return [
            Finding(
                "warning", "proxies", f"whoever reaches {server.host} can say in {how} that it is somebody else",
                "REVURB_TRUSTED_PROXIES with the addresses of the proxies, or REVERB_SERVER_HOST=127.0.0.1 "
                "if they are on this host; * is safe where a firewall lets only proxies in.",
            )
        ]  # fmt: skip
    who = ", ".join(server.trusted_proxies)
    return [Finding("ok", "proxies", f"{who} say in {how} who their clients are")]
