"""The HTTP half of the test client; import it from `tests.client`."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import ssl
import time
import urllib.parse
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from revurb.apps import App

PATIENCE_S = 5.0  # a loopback answer takes milliseconds; this is for a loaded machine


class Ended(ConnectionError):
    """The server closed the TCP connection."""


@dataclass(frozen=True, slots=True)
class Response:
    """The head and body of one HTTP answer; header names in lower case."""

    version: str
    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


async def read_response(reader: asyncio.StreamReader, *, bodyless: bool = False) -> Response:
    """The next HTTP answer; `bodyless` for the answer to a HEAD. Raises Ended where there is none."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise AssertionError(f"half an answer: {error.partial!r}") from error
        raise Ended from error
    except ConnectionError as error:
        raise Ended from error
    status_line, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    version, _, rest = status_line.partition(" ")
    code, _, reason = rest.partition(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    status = int(code)
    body = b""
    if not bodyless and status >= 200 and status not in (204, 304):
        length = headers.get("content-length")
        body = await (reader.read() if length is None else reader.readexactly(int(length)))
    return Response(version, status, reason, headers, body)


class Http:
    """One HTTP connection, for as long as the server keeps it. Made by `http`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @property
    def port(self) -> int:
        """The port of this end."""
        return int(self._writer.get_extra_info("sockname")[1])

    async def send_bytes(self, raw: bytes) -> None:
        with contextlib.suppress(ConnectionError):  # what the server thinks of it is in its answer
            self._writer.write(raw)
            await self._writer.drain()

    async def response(self, *, bodyless: bool = False, patience_s: float = PATIENCE_S) -> Response:
        """The next answer; `bodyless` for the one to a HEAD. Raises Ended where the server closes instead."""
        async with asyncio.timeout(patience_s):
            return await read_response(self._reader, bodyless=bodyless)

    async def request(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        headers: Iterable[tuple[str, str]] = (),
        patience_s: float = PATIENCE_S,
    ) -> Response:
        lines = [
            f"{method} {target} HTTP/1.1",
            "Host: 127.0.0.1",
            *(f"{name}: {value}" for name, value in headers),
        ]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        await self.send_bytes("\r\n".join([*lines, "", ""]).encode() + body)
        return await self.response(bodyless=method == "HEAD", patience_s=patience_s)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """End a TCP connection, and see to it that nothing of it is left when the loop is closed."""
    writer.close()
    with contextlib.suppress(OSError):  # what became of the last bytes does not matter any more
        await writer.wait_closed()


@contextlib.asynccontextmanager
async def http(port: int, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Http]:
    name = "localhost" if tls else None
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname=name)
    try:
        yield Http(reader, writer)
    finally:
        await hang_up(writer)


def signed(
    app: App, method: str, path: str, body: bytes = b"", query: Mapping[str, str] | None = None
) -> str:
    """`path` with the query that signs this request, as the server SDKs make it."""
    parameters = {
        **(query or {}),
        "auth_key": app.key,
        "auth_timestamp": str(int(time.time())),
        "auth_version": "1.0",
    }
    if body:
        parameters["body_md5"] = hashlib.md5(body, usedforsecurity=False).hexdigest()
    text = "&".join(f"{name}={value}" for name, value in sorted(parameters.items()))
    signature = app.sign(f"{method}\n{path}\n{text}")
    return f"{path}?{urllib.parse.urlencode(parameters)}&auth_signature={signature}"


async def api(
    port: int,
    app: App,
    method: str,
    path: str,
    body: object = None,
    query: Mapping[str, str] | None = None,
    *,
    prefix: str = "",
) -> Response:
    """One signed request to /apps/{id}{path} on a connection of its own; `body` goes as JSON."""
    raw = b"" if body is None else json.dumps(body).encode()
    target = signed(app, method, f"{prefix}/apps/{app.id}{path}", raw, query)
    async with http(port) as connection:
        return await connection.request(method, target, raw, [("Content-Type", "application/json")])
