"""The patterns of `App.allowed_origins`: what a pattern matches, and which ones can match nothing.

A pattern is compared with the host of an Origin header, which has neither scheme nor port: "https://example.com"
matches no page, and whoever wrote it means "example.com". IPv6 hosts may have the brackets that they have in a URL.
"""

from __future__ import annotations

import ipaddress
import re

_HOST = re.compile(r"[a-z0-9*_~-]+(\.[a-z0-9*_~-]+)*\.?")
_LETTERS = re.compile(r"[0-9a-f:.*]+")  # of an IPv6 address, and of patterns of them
_SEPARATORS = re.compile(r"[;,\s|]+")


class OriginPatternError(ValueError):
    """A pattern matches no page. `meant` are the patterns that were probably meant, () if that is not known."""

    def __init__(self, pattern: str, meant: tuple[str, ...]) -> None:
        shown = f"; {' and '.join(repr(name) for name in meant)} may be meant" if meant else ""
        super().__init__(f"{pattern!r} matches no page, as the host name alone is compared{shown}")
        self.meant = meant


def canonical_host(host: str) -> str:
    """`host` of an Origin or of a pattern in the form in which both are compared: lower case, IPv6 without brackets and
    in its short form."""
    host = host.lower()
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if ":" in host:
        try:
            return str(ipaddress.IPv6Address(host))
        except ValueError:
            return host
    return host


def check_origin_pattern(pattern: str) -> str:
    """Returns `pattern`. Raises OriginPatternError if no page matches it."""
    if _can_match(pattern):
        return pattern
    names = [_host_of(part) for part in _SEPARATORS.split(pattern.strip()) if part]
    raise OriginPatternError(pattern, tuple(names) if all(_can_match(name) for name in names) else ())


def _can_match(pattern: str) -> bool:
    host = canonical_host(pattern)
    if host == "null":  # the origin of sandboxed frames and of files, which has no host
        return False
    if host.count(":") > 1 and _LETTERS.fullmatch(host):
        if "*" in host:
            return True
        try:
            return bool(ipaddress.IPv6Address(host))
        except ValueError:
            return False
    return _HOST.fullmatch(host) is not None


def _host_of(text: str) -> str:
    """The host of what is rather a URL, an address with a port, or a name as people write it."""
    text = re.sub(r"^[a-z*][a-z0-9+.*-]*://|^//", "", text.strip("\"'"), flags=re.IGNORECASE)
    text = re.split(r"[/?#]", text, maxsplit=1)[0].rpartition("@")[2]
    if text.startswith("["):
        text = text.partition("]")[0] + "]"
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    if text.startswith("."):
        text = f"*{text}"
    try:  # browsers send the ASCII form
        return text if text.isascii() else text.encode("idna").decode()
    except UnicodeError:
        return text
