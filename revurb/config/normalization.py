"""Normalizes texts of options when they are read, so that the rest of the server sees one form only."""

from __future__ import annotations

import ipaddress
import re

from revurb.apps.origin_pattern import OriginPatternError, check_origin_pattern
from revurb.config.option import RefusedValue

_MAPPED_PREFIX = 96  # RFC 4291 2.5.5.2


def route_prefix(text: str) -> str:
    """Returns `/ws` for `ws/`, `/ws` and `/ws/`, and the empty text for `/`. Raises ValueError if it is no URL path."""
    path = text.strip().strip("/")
    if not re.fullmatch(r"[A-Za-z0-9._~/-]*", path) or "//" in path:
        raise ValueError(text)
    return f"/{path}" if path else ""


def listen_hosts(text: str) -> str:
    """Returns host names and addresses with commas between them and without brackets: `::,10.0.0.1` for
    `[::], 10.0.0.1`. Raises ValueError if one is blank, has a space or a bracket in it, or a scheme or port."""
    hosts = [host.strip() for host in text.split(",")]
    hosts = [host[1:-1] if host.startswith("[") and host.endswith("]") else host for host in hosts]
    if not all(re.fullmatch(r"[^\s\[\]]+", host) for host in hosts):
        raise ValueError(text)
    if any("/" in host or (":" in host and not _is_ipv6(host)) for host in hosts):
        raise RefusedValue("a host has no scheme, and the port is an option of its own, REVERB_SERVER_PORT")
    return ",".join(hosts)


def host_name(text: str) -> str:
    """Returns the stripped text. Raises ValueError for what TLS takes for no name of a host."""
    name = text.strip()
    name.encode("idna")  # raises UnicodeError for an empty label and one that is too long
    if name.startswith(".") or re.search(r"[\s/\[\]]", name):
        raise ValueError(text)
    return name


def web_origin(text: str) -> str:
    """Returns an origin as browsers send it, in lower case, or `*`. Raises ValueError for anything else."""
    origin = text.strip().lower().removesuffix("/")
    if origin != "*" and not re.fullmatch(r"https?://[a-z0-9.\[\]:_-]+", origin):
        raise ValueError(text)
    return origin


def trusted_proxy(text: str) -> str:
    """Returns an address or a network as one writes it (`10.0.0.0/8` for `10.1.2.3/8`), one of IPv4 as such
    (`10.1.2.3` for `::ffff:10.1.2.3`), or `*` or `unix` as they are. Raises ValueError for anything else."""
    entry = text.strip().lower()
    if entry in ("*", "unix"):
        return entry
    network = ipaddress.ip_network(entry, strict=False)
    if network.version == 6 and network.prefixlen >= _MAPPED_PREFIX:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            network = ipaddress.ip_network((mapped, network.prefixlen - _MAPPED_PREFIX))
    return str(network if "/" in entry else network.network_address)


def _is_ipv6(text: str) -> bool:
    try:
        return bool(ipaddress.IPv6Address(text))
    except ValueError:
        return False


def shown_addresses(hosts: str, port: int) -> str:
    """Returns `10.0.0.1:8080, [::]:8080` for hosts as `listen_hosts` gives them."""
    return ", ".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host in hosts.split(","))


def object_path(text: str) -> str:
    """Returns the stripped text. Raises ValueError if it has not the form `package.module:Name`."""
    path = text.strip()
    if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*", path):
        raise ValueError(text)
    return path


def origin_pattern(text: str) -> str:
    """Returns the text. Raises RefusedValue, which says what may be meant, if it matches the Origin of no page."""
    try:
        return check_origin_pattern(text)
    except OriginPatternError as error:
        raise RefusedValue(str(error)) from None
