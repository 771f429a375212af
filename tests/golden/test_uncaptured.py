"""The table "Beyond the captures" of docs/compatibility.md: it is sent, and the answers are as the table says."""

from __future__ import annotations

import json

import pytest

import revurb
from revurb.apps import App
from tests import client as wire
from tests.client import Client, connect, http, signed
from tests.golden.compatibility import DOCUMENT, read_token, read_uncaptured
from tests.golden.normal import Item, matches, read_answer, read_message, show

APP = App(id="app1", key="key1", secret="secret1")
SILENT_APP = App(id="app2", key="key2", secret="secret2", accept_client_events_from="none")
EVENT = {"name": "e", "channel": "c", "data": "1"}
CHANNELS = "/apps/app1/channels"
ROWS = read_uncaptured(DOCUMENT.read_text())


def request(method: str, target: str, body: bytes = b"", head: str = "") -> bytes:
    return f"{method} {target} HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode() + body


def event(**fields: object) -> bytes:
    return posted(json.dumps({**EVENT, **fields}).encode())


def posted(body: bytes, head: str | None = None) -> bytes:
    length = f"Content-Length: {len(body)}\r\n" if head is None else head
    return request("POST", signed(APP, "POST", "/apps/app1/events", body), body, length)


def looked_up(signed_path: str, sent_path: str) -> bytes:
    query = signed(APP, "GET", signed_path).removeprefix(signed_path)
    return request("GET", sent_path + query)


def queried(parameter: str) -> bytes:
    name, _, value = parameter.partition("=")
    target = signed(APP, "GET", CHANNELS, query={name: value})
    return request("GET", target.replace(f"{name.replace('[]', '%5B%5D')}=", f"{name}="))


BODY = json.dumps(EVENT).encode()
IDENTITY = "Transfer-Encoding: identity\r\n"
REQUESTS: dict[str, list[bytes]] = {
    "blank-texts": [event(name="  "), event(data="  "), event(channel="  ")],
    "data-of-another-type": [event(data=[]), event(data={})],
    "channel-of-another-type": [event(channel={})],
    "channels-of-another-type": [event(channels="")],
    "channels-null": [event(channels=None)],
    "channels-of-no-names": [event(channels=[""]), event(channels=[None]), event(channels=[["c"]])],
    "deep-body": [posted(BODY[:-1] + b',"x":' + b"[" * 600 + b"]" * 600 + b"}")],
    "terminate-slash": [request("POST", signed(APP, "POST", "/apps/app1/users/a%2Fb/terminate_connections"))],
    "double-slash": [looked_up("/" + CHANNELS, "/" + CHANNELS), looked_up(CHANNELS, "/" + CHANNELS)],
    "signed-prefix": [looked_up("/ws" + CHANNELS, "/ws" + CHANNELS), looked_up(CHANNELS, "/ws" + CHANNELS)],
    "query-names": [queried("a.b="), queried("info[]=")],
    "identity-coding": [
        posted(BODY, f"{IDENTITY}Content-Length: {len(BODY)}\r\n"),
        posted(BODY, IDENTITY),
    ],
    "connect": [request("CONNECT", "example.com:80"), request("CONNECT", "/up")],
    "options-all": [request("OPTIONS", "*")],
    "head-upgrade": [wire.handshake("/app/key1").replace(b"GET", b"HEAD", 1)],
    "handshake-lists": [
        wire.handshake("/app/key1").replace(before, after)
        for before, after in (
            (b": websocket", b": websocket, h2c"),
            (b": websocket", b": h2c, websocket"),
            (b"Version: 13", b"Version: 8, 13"),
        )
    ],
    "powered-by": [wire.handshake("/app/key1")],
}


async def subscribe(client: Client, channel_data: str, signature: str | None = None) -> None:
    signature = signature or APP.sign(f"{client.socket_id}:presence-r:{channel_data}")
    data = {"channel": "presence-r", "auth": f"{APP.key}:{signature}", "channel_data": channel_data}
    await client.send({"event": "pusher:subscribe", "data": data})


async def client_events_off(port: int) -> list[Item]:
    async with connect(port, "key2") as client:
        await client.send({"event": "client-x"})
        await client.send({"event": "client-x", "channel": 5, "data": {}})
        return await received(client, 2)


async def unsubscribe_number(port: int) -> list[Item]:
    async with connect(port, "key1") as client:
        await client.subscribe("5")
        await client.send({"event": "pusher:unsubscribe", "data": {"channel": 5}})
        return await received(client, 1)


async def unsigned_nonsense(port: int) -> list[Item]:
    async with connect(port, "key1") as client:
        await subscribe(client, "nonsense", "00")
        return await received(client, 2)


async def alike_users(port: int) -> list[Item]:
    async with connect(port, "key1") as one, connect(port, "key1") as same, connect(port, "key1") as other:
        for client, user_id in ((one, "5"), (same, '"5"'), (other, '"05"')):
            await subscribe(client, f'{{"user_id":{user_id},"user_info":{{}}}}')
            found = await received(client, 1)
        return found


MESSAGES = {
    "client-events-off": client_events_off,
    "unsubscribe-number": unsubscribe_number,
    "unsigned-nonsense": unsigned_nonsense,
    "alike-users": alike_users,
}


async def received(client: Client, count: int) -> list[Item]:
    return [read_message((await client.receive()).payload.decode()) for _ in range(count)]


async def answers(port: int, requests: list[bytes]) -> list[Item]:
    items: list[Item] = []
    for each in requests:
        async with http(port) as connection:
            await connection.send_bytes(each)
            response = await connection.response(bodyless=each.startswith(b"HEAD "))
            items.append(read_answer(response.status, list(response.headers.items()), response.body))
    return items


@pytest.mark.parametrize("row_id", [*REQUESTS, *MESSAGES])
async def test_the_table_says_what_is_answered(row_id: str) -> None:
    path = "/ws" if row_id == "signed-prefix" else ""
    async with revurb.Server(
        apps=[APP, SILENT_APP], port=0, path=path, signature_max_age_s=0
    ) as server:  # the requests were signed when the tests were collected
        if row_id in REQUESTS:
            found = await answers(server.port, REQUESTS[row_id])
        else:
            found = await MESSAGES[row_id](server.port)
    expected = [item for word in ROWS[row_id] for item in read_token(word, None)]
    assert len(found) == len(expected), show(found)
    assert all(map(matches, expected, found)), show(found)


def test_every_row_is_tested() -> None:
    assert sorted(ROWS) == sorted([*REQUESTS, *MESSAGES])


async def test_who_answers_a_handshake_says_so() -> None:
    async with revurb.Server(apps=[APP], port=0) as server, connect(server.port, "key1") as client:
        assert client.response.headers["x-powered-by"] == "Revurb"
