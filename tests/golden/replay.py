"""A capture, played again on a live server.

Plan: each exchange is done for real; then everybody reads as many frames as are expected of it, and a ping
shows that there are no more. So nothing waits for silence, and what is missing costs PATIENCE_S once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from typing import Any, Protocol

from revurb.apps import App
from tests import client as wire
from tests.client import Client, Ended, Http, Response
from tests.golden import stage
from tests.golden.capture import Exchange
from tests.golden.compatibility import Differences, DocumentError
from tests.golden.normal import (
    Answer,
    Closed,
    Control,
    End,
    Item,
    Outcome,
    read_answer,
    read_message,
    same,
    show,
)
from tests.golden.signing import resigned_message, resigned_request
from tests.golden.spelling import frame_bytes, request_bytes

PATIENCE_S = 3.0
KEPT = (200, 401, 404, 405, 422)  # answers after which the connection must be good for another request


class Server(Protocol):
    """What the replay needs of revurb.Server."""

    @property
    def port(self) -> int: ...

    async def stop(self) -> None: ...


class Replay:
    """One capture on one server, with the differences that are documented."""

    def __init__(self, server: Server, differences: Differences) -> None:
        self._server = server
        self._differences = differences
        self._clients: dict[str, Client] = {}
        self._gone: set[str] = (
            set()
        )  # closed by a documented difference: what Reverb let them do is not compared
        self._ids: dict[str, str] = {}  # socket ids: captured to live
        self._timed = False
        self._got: Outcome = {}
        self._greeted_id: str | None = None
        self._stopping: asyncio.Task[None] | None = None
        self.findings: list[str] = []

    async def run(self, exchanges: list[Exchange]) -> list[str]:
        """Play all of it; what differed from what was expected, in words."""
        self._timed = any(isinstance(exchange.act, stage.Wait) for exchange in exchanges)
        try:
            for exchange in exchanges:
                await self._exchange(exchange)
        finally:
            for client in self._clients.values():
                await client.drop()
            if self._stopping is not None:
                await self._stopping
        return self.findings

    async def _exchange(self, exchange: Exchange) -> None:
        for preparation in exchange.prepare:
            await self._prepare(preparation)
        if exchange.kind == "send" and exchange.who in self._gone:
            return
        if exchange.kind in ("open", "connect", "act"):
            self._gone.discard(exchange.who)
        try:
            expected = self._differences.expected(exchange)
        except DocumentError as error:
            self.findings.append(str(error))
            expected = exchange.reverb
        expected = {who: items for who, items in expected.items() if who not in self._gone}
        self._got = {}
        self._greeted_id = exchange.greeted_id
        await getattr(self, f"_{exchange.kind}")(exchange, expected)
        if exchange.kind != "request":
            await self._collect(expected, exchange)
        self._judge(exchange, expected)

    def _judge(self, exchange: Exchange, expected: Outcome) -> None:
        rows = [row.id for row in self._differences.rows_at(exchange)]
        got = {who: items for who, items in self._got.items() if items}
        if not same(expected, got):
            source = f"docs/compatibility.md ({', '.join(rows)})" if rows else "Reverb"
            if rows and same(exchange.reverb, got):
                source += ", which is stale: Revurb answers as Reverb does,"
            lines = [f"{exchange.capture} {exchange.step}: {exchange.label}"]
            for who in sorted(expected.keys() | got.keys()):
                lines.append(f"    {who} should get, says {source}: {show(expected.get(who, []))}")
                lines.append(f"    {who} got: {show(got.get(who, []))}")
            self.findings.append("\n".join(lines))
        for who, items in got.items():
            ended = any(isinstance(item, Closed | End) for item in items)
            by_reverb = any(isinstance(item, Closed | End) for item in exchange.reverb.get(who, []))
            if ended and not by_reverb:
                self._gone.add(who)

    # --- what is done

    async def _prepare(self, preparation: stage.Preparation) -> None:
        if isinstance(preparation, stage.Drop):
            await self._leave(preparation.who)
            return
        who, app = preparation.who, stage.APPS["app1"]
        await self._leave(who)
        self._gone.discard(who)
        client = await self._dial(who, wire.handshake(f"/app/{app.key}"))
        await client.greeted()
        if preparation.socket_id is not None:
            self._ids[preparation.socket_id] = client.socket_id
        for channel, member in preparation.channels:
            data = {"channel": channel}
            user = None if member is None else json.dumps(member)
            if user is not None:
                data["channel_data"] = user
            if channel.startswith(("private-", "presence-")):
                data["auth"] = wire.channel_auth(app, client.socket_id, channel, user)
            await client.send({"event": "pusher:subscribe", "data": data})
        for other in self._clients.values():
            await other.flushed()

    async def _act(self, exchange: Exchange, expected: Outcome) -> None:
        match exchange.act:
            case stage.Drop(who):
                await self._clients.pop(who).drop()
            case stage.Connect(who, origin):
                headers = [] if origin is None else [("Origin", origin)]
                await self._dial(who, wire.handshake(f"/app/{exchange.app.key}", headers))
            case stage.Open(who, request):
                client = await self._dial(who, request)
                self._note(who, _answer(client.response))
            case stage.Send(who, raw):
                await self._clients[who].send_bytes(raw)
            case stage.Stop():
                self._stopping = asyncio.create_task(self._server.stop())

    async def _connect(self, exchange: Exchange, expected: Outcome) -> None:
        await self._dial(exchange.who, wire.handshake(f"/app/{exchange.app.key}"))

    async def _open(self, exchange: Exchange, expected: Outcome) -> None:
        request = exchange.text.encode()
        try:
            client = await self._dial("A", request)
            self._note("A", _answer(client.response))
        except wire.Refused:
            async with wire.http(self._server.port) as connection:
                await connection.send_bytes(request)
                await self._answers(connection, exchange, expected)

    async def _send(self, exchange: Exchange, expected: Outcome) -> None:
        client = self._clients[exchange.who]
        text = resigned_message(exchange.text, exchange.app, exchange.captured_id, client.socket_id)
        await client.send_bytes(frame_bytes(exchange.opcode, text))

    async def _trigger(self, exchange: Exchange, expected: Outcome) -> None:
        method, target, *body = exchange.text.split(" ", 2)
        app = stage.APPS[target.split("/")[2]]
        text = body[0] if body else "{}"
        for captured_id, live_id in self._ids.items():
            text = text.replace(f'"{captured_id}"', f'"{live_id}"')
        await self._api(app, method, target, text.encode())

    async def _look(self, exchange: Exchange, expected: Outcome) -> None:
        app = exchange.app
        if exchange.label.startswith("GET /channels"):
            await self._api(app, "GET", f"/apps/{app.id}/channels")
            return
        channel = f"/apps/{app.id}/channels/{exchange.channel}"
        await self._api(app, "GET", channel, query={"info": "user_count"})
        await self._api(app, "GET", f"{channel}/users")

    async def _api(self, app: App, method: str, path: str, body: bytes = b"", **rest: Any) -> None:
        async with wire.http(self._server.port) as connection:
            response = await connection.request(method, wire.signed(app, method, path, body, **rest), body)
        self._note("HTTP", _answer(response))

    async def _request(self, exchange: Exchange, expected: Outcome) -> None:
        raw = request_bytes(exchange.text, finished="unfinished" not in exchange.label)
        raw = resigned_request(raw, exchange.app, self._ids)
        cut = stage.SPLIT.get(exchange.capture, {}).get(exchange.step)
        async with wire.http(self._server.port) as connection:
            if cut is not None:
                first, second = raw[: raw.index(cut)], raw[raw.index(cut) :]
                await connection.send_bytes(first)
                async with wire.http(
                    self._server.port
                ) as other:  # a round trip, so that the first is read alone
                    await other.request("GET", "/up")
                await connection.send_bytes(second)
            else:
                await connection.send_bytes(raw)
            await self._answers(connection, exchange, expected)

    # --- what comes of it

    async def _answers(self, connection: Http, exchange: Exchange, expected: Outcome) -> None:
        """Read the expected answers; then see that there are no more and that the connection is good yet."""
        who, head_only = exchange.who, exchange.text.startswith("HEAD ")
        wanted = expected.get(who, [])
        response: Response | None = None
        for _ in wanted:
            try:
                response = await connection.response(bodyless=head_only, patience_s=PATIENCE_S)
                self._note(who, _answer(response))
                self._check_version(exchange, response)
            except Ended:
                self._note(who, End())
                return
            except TimeoutError:
                return
        if response is not None and response.headers.get("connection", "").lower() == "close":
            if exchange.kind == "request" and response.status in KEPT and " HTTP/1.1" in exchange.text:
                self.findings.append(f"{exchange.capture} {exchange.step}: the connection is not kept")
            with contextlib.suppress(Ended):
                self._note(who, _answer(await connection.response(patience_s=PATIENCE_S)))
            return
        completion = stage.COMPLETION.get(exchange.capture, {}).get(exchange.step)
        rest, status = completion or (b"GET /up HTTP/1.1\r\nHost: x\r\n\r\n", 200)
        await connection.send_bytes(rest)
        try:
            probe = await connection.response(patience_s=PATIENCE_S)
        except (Ended, TimeoutError) as error:
            self.findings.append(
                f"{exchange.capture} {exchange.step}: no answer to {rest!r} behind it: {error!r}"
            )
            return
        if probe.status != status:
            self.findings.append(f"{exchange.capture} {exchange.step}: {probe} to {rest!r} behind it")

    def _check_version(self, exchange: Exchange, response: Response) -> None:
        framed = response.status < 200 or "content-length" in response.headers
        if response.version != self._differences.http_version or not framed:
            self.findings.append(f"{exchange.capture} {exchange.step}: {response.version} {response.headers}")

    async def _collect(self, expected: Outcome, exchange: Exchange) -> None:
        """Everybody reads what is expected of this exchange, then whatever else is there."""
        for who, items in expected.items():
            while who in self._clients and len(self._got.get(who, [])) < len(items):
                if not await self._receive(who):
                    break
        if self._timed or self._stopping is not None:
            return
        unread = stage.UNREAD.get(exchange.capture, {}).get(exchange.step, "")
        for who in sorted(self._clients, key=lambda each: each != exchange.who):
            await self._barrier(who, unread=who in unread)

    async def _barrier(self, who: str, *, unread: bool) -> None:
        """Read whatever is there for `who`, up to the pong to a ping.

        Twice: the first pong may come before what the server said in the same breath, the second comes after.
        """
        seen = len(self._got.setdefault(who, []))
        for payload in ("first barrier", "second barrier"):
            if who not in self._clients:
                return
            with contextlib.suppress(ConnectionError):
                await self._clients[who].send_frame(wire.PING, payload.encode())
            while await self._receive(who):
                if self._got[who][-1] == Control("pong", payload):
                    del self._got[who][-1]
                    break
            else:
                if who in self._clients:
                    self.findings.append(f"{who} is not answered any more")
                return
        if unread:
            del self._got[who][seen:]

    async def _receive(self, who: str) -> bool:
        """One more frame for `who`; False when there is none."""
        client = self._clients[who]
        try:
            frame = await client.receive(PATIENCE_S)
            self._note(who, _item(frame))
            if not client.socket_id:
                self._meet(client, frame)
            if frame.opcode == wire.CLOSE:
                await client.closed()
                raise Ended
        except TimeoutError:
            return False
        except Ended:
            await self._ended(who)
            return False
        return True

    def _meet(self, client: Client, frame: wire.Frame) -> None:
        """Note the socket id of a greeting, and whose it is in the capture."""
        if frame.opcode == wire.TEXT and frame.message["event"] == "pusher:connection_established":
            client.socket_id = json.loads(frame.message["data"])["socket_id"]
            assert re.fullmatch(r"[1-9]\d*\.[1-9]\d*", client.socket_id), client.socket_id
            if self._greeted_id is not None:
                self._ids[self._greeted_id] = client.socket_id

    async def _ended(self, who: str) -> None:
        client = self._clients.pop(who)
        await client.drop()
        if client.close_code is None:
            self._note(who, End())
        elif not any(isinstance(item, Closed) for item in self._got.get(who, [])):
            self._note(who, Closed(client.close_code))

    def _note(self, who: str, item: Item) -> None:
        self._got.setdefault(who, []).append(item)

    async def _dial(self, who: str, request: bytes) -> Client:
        if who in self._clients:
            await self._clients.pop(who).drop()
        client = self._clients[who] = await wire.dial(self._server.port, request)
        return client

    async def _leave(self, who: str) -> None:
        client = self._clients.pop(who, None)
        if client is not None:
            await client.close()
            await client.drop()


def _answer(response: Response) -> Answer:
    return read_answer(response.status, list(response.headers.items()), response.body)


def _item(frame: wire.Frame) -> Item:
    if frame.opcode == wire.TEXT:
        return read_message(frame.payload.decode())
    if frame.opcode == wire.CLOSE:
        return Closed(frame.close_code)
    return Control("ping" if frame.opcode == wire.PING else "pong", frame.payload.decode())
