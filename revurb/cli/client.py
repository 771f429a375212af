"""Sends one request to a node: a signed one as a server SDK does, or one of a health check."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import quote

from revurb.apps.request_signing import signed_target
from revurb.cli.target import NodeAddress
from revurb.config import App
from revurb.observe.connection_errors import describe_error

TIMEOUT_S = 10.0
MAX_RESPONSE_BYTES = 1_000_000
NOTHING: Mapping[str, str] = MappingProxyType({})


class RequestError(Exception):
    """No response has arrived. The text has the address and the reason."""


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """The response of the HTTP API. Bytes of its body that are not UTF-8 are replaced in `text`."""

    status: int
    text: str


def send_request(address: NodeAddress, app: App, method: str, path: str, body: bytes = b"") -> ApiResponse:
    """Send one request and wait for the response. `path` is without the path prefix of the node. Raises
    RequestError."""
    target = signed_target(app, method, quote(f"{address.path}{path}"), body, int(time.time()))
    return _send(address, method, target, body, TIMEOUT_S)


def send_unsigned(
    address: NodeAddress, path: str, timeout_s: float, headers: Mapping[str, str] = NOTHING
) -> ApiResponse:
    """GET a path that needs no signature, without the path prefix of the node. Raises RequestError."""
    return _send(address, "GET", quote(f"{address.path}{path}"), b"", timeout_s, headers)


def _send(
    address: NodeAddress,
    method: str,
    target: str,
    body: bytes,
    timeout_s: float,
    headers: Mapping[str, str] = NOTHING,
) -> ApiResponse:
    if address.tls is None:
        connection = http.client.HTTPConnection(address.host, address.port, timeout=timeout_s)
    else:
        connection = http.client.HTTPSConnection(
            address.host, address.port, timeout=timeout_s, context=address.tls
        )
    try:
        if address.header:
            sock = address.open(timeout_s)
            connection.sock = (
                sock if address.tls is None else address.tls.wrap_socket(sock, server_hostname=address.host)
            )
        connection.request(method, target, body or None, {"Content-Type": "application/json", **headers})
        response = connection.getresponse()
        return ApiResponse(response.status, response.read(MAX_RESPONSE_BYTES).decode("utf-8", "replace"))
    except (OSError, UnicodeError, http.client.HTTPException) as error:
        raise RequestError(
            f"cannot reach {address.url('http')}: {describe_error(error, timeout_s)}"
        ) from error
    finally:
        connection.close()
