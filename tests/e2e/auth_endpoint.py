"""A web application's endpoint for channels and for users, answered by the `pusher` SDK."""

from __future__ import annotations

import asyncio
import contextlib
import json
import urllib.parse
from collections.abc import AsyncIterator

import pusher  # type: ignore[import-untyped]
from pusher.signature import sign  # type: ignore[import-untyped]


class AuthEndpoint:
    """Authorises everybody for everything, as the user that the client says it is.

    `forge` in the request's parameters asks for a signature that is wrong, `deny` for a 403. A user who signs in
    watches those in `watchlist`, separated by commas. `signed_in` asks for no `channel_data`.
    """

    def __init__(self, sdk: pusher.Pusher) -> None:
        self.sdk = sdk
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/broadcasting/auth"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            head = await reader.readuntil(b"\r\n\r\n")
            (length,) = (
                int(line.partition(b":")[2])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            )
            form = dict(urllib.parse.parse_qsl((await reader.readexactly(length)).decode()))
            status, body = self._answer(form)
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                f"Connection: close\r\n\r\n{body}".encode()
            )
            await writer.drain()

    def _answer(self, form: dict[str, str]) -> tuple[str, str]:
        if "deny" in form:
            return "403 Forbidden", "{}"
        if "channel_name" not in form:
            watchlist = list(filter(None, form.get("watchlist", "").split(",")))
            data = {"id": form["user"], "user_info": {"name": f"User {form['user']}"}, "watchlist": watchlist}
            return "200 OK", json.dumps(
                self._forged(form, self.sdk.authenticate_user(form["socket_id"], data))
            )
        user = None
        if "signed_in" in form:
            text = f"{form['socket_id']}:{form['channel_name']}"
            auth = f"{self.sdk._pusher_client.key}:{sign(self.sdk._pusher_client.secret, text)}"
            return "200 OK", json.dumps({"auth": auth})
        if form["channel_name"].startswith("presence-"):
            user = {"user_id": form["user"], "user_info": {"name": f"User {form['user']}"}}
        answer = self.sdk.authenticate(
            channel=form["channel_name"], socket_id=form["socket_id"], custom_data=user
        )
        self._forged(form, answer)
        return "200 OK", json.dumps(answer, default=bytes.decode)  # the SDK leaves shared_secret in bytes

    def _forged(self, form: dict[str, str], answer: dict[str, str]) -> dict[str, str]:
        if "forge" in form:
            answer["auth"] = answer["auth"][:-4] + "0000"
        return answer


@contextlib.asynccontextmanager
async def auth_endpoint(sdk: pusher.Pusher) -> AsyncIterator[AuthEndpoint]:
    endpoint = AuthEndpoint(sdk)
    server = await asyncio.start_server(endpoint.serve, "127.0.0.1", 0)
    async with server:
        endpoint.port = server.sockets[0].getsockname()[1]
        yield endpoint
