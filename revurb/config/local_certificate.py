"""Finds the certificate that Laravel Herd or Valet has made for a host name, as Reverb does."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

# Below the home directory, in this order.
FOLDERS = ("Library/Application Support/Herd/config/valet/Certificates", ".config/valet/Certificates")


def find_local_certificate(hostname: str, home: Path) -> tuple[str, str] | None:
    """Returns the paths of the certificate and the key for `hostname`, which may be a URL; None if there are none."""
    try:
        host = urlsplit(hostname).hostname or hostname
    except ValueError:
        return None
    if "/" in host:
        return None
    for folder in FOLDERS:
        cert, key = home / folder / f"{host}.crt", home / folder / f"{host}.key"
        if cert.is_file() and key.is_file():
            return str(cert), str(key)
    return None
