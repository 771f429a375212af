"""Each refusal is a line of the log: which, to whom, and what to do about it."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from revurb import App, AppLimits, RateLimit, Server
from revurb.apps import PUSHER_LIMITS, FixedApps
from tests.client import BINARY, TEXT, api, channel_auth, connect, encode_frame, http, signed

APP = App(id="1", key="app-key", secret="hush-hush", allowed_origins=("good.com", "*.good.com"))
OPEN = App(
    id="2", key="open-key", secret="hush-hush", max_connections=1, rate_limit=RateLimit(max_attempts=3)
)
WRONG = App(id="1", key="app-key", secret="another")


@pytest.fixture
def refused(caplog: pytest.LogCaptureFixture) -> Any:
    """The only line so far, as its message and its fields."""
    caplog.set_level(logging.INFO, "revurb")

    def only() -> tuple[str, dict[str, str]]:
        records = [record for record in caplog.records if record.name == "revurb.observe.refusal_log"]
        assert len(records) == 1, [record.getMessage() for record in records]
        caplog.clear()
        names = ("client", "method", "path", "origin", "key", "app", "channel", "reason", "code", "status", "advice",
                 "forwarded_for", "socket_id")  # fmt: skip
        fields = {name: value for name, value in vars(records[0]).items() if name in names}
        assert "hush" not in str(vars(records[0]))
        return records[0].getMessage(), fields

    return only


@asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[Server]:
    async with Server(apps=[APP, OPEN], port=0, **options) as server:
        yield server


async def refuse(server: Server, key: str, **options: Any) -> None:
    async with connect(server.port, key, greet=False, **options) as client:
        await client.closed()


async def test_handshakes(refused: Any) -> None:
    async with serving(max_connections=2) as server:
        await refuse(server, "nope")
        what, fields = refused()
        assert (what, fields["key"]) == ("unknown app", "nope")
        assert fields["client"].startswith("127.0.0.1:")
        assert fields["advice"].startswith("known here: id 1 key app-key, id 2 key open-key;")

        await refuse(
            server, "app-key", headers=[("Origin", "https://evil.com:3000"), ("X-Forwarded-For", "192.0.2.7")]
        )
        what, fields = refused()
        assert (what, fields["origin"]) == ("origin refused", "https://evil.com:3000")
        assert fields["advice"].endswith("REVURB_APP_ALLOWED_ORIGINS=evil.com")
        assert fields["forwarded_for"] == "192.0.2.7"

        await refuse(server, "app-key", headers=[("Origin", "null")])
        assert "a page without a host" in refused()[1]["advice"]

        await refuse(server, "app-key")
        what, fields = refused()
        assert (what, fields["origin"]) == ("origin refused", "none")
        assert "only allowed_origins=* lets it in" in fields["advice"]

        async with connect(server.port, "open-key"):
            await refuse(server, "open-key")
            assert refused()[0] == "app is full"
            async with connect(server.port, "app-key", headers=[("Origin", "http://good.com")]):
                await refuse(server, "app-key", headers=[("Origin", "http://good.com")])
                what, fields = refused()
                assert (what, fields["advice"]) == ("server is full", "REVURB_MAX_CONNECTIONS is the limit")


LARGE = {"name": "x", "channel": "a", "data": "x" * 20_000}


async def test_requests(refused: Any) -> None:
    async with serving(path="/ws") as server:
        for app, method, path, body, what, advice in (
            (APP, "POST", "/ws/apps/9/events", {}, "unknown app", "known here: id 1"),
            (APP, "GET", "/up", None, "unknown path", "paths begin with /ws here"),
            (WRONG, "GET", "/ws/apps/1/channels", None, "wrong signature", "key and secret"),
            (OPEN, "GET", "/ws/apps/1/channels", None, "wrong signature", "key and secret"),
            (APP, "POST", "/ws/apps/1/events", {"name": "x"}, "wrong fields", "the application"),
            (APP, "POST", "/ws/apps/1/events", "no object", "bad request", "the application"),
            (APP, "PUT", "/ws/apps/1/events", None, "wrong method", "/apps/ID/events"),
            (APP, "GET", "/ws/app/app-key", None, "no WebSocket", "Upgrade"),
            (APP, "POST", "/ws/apps/1/events", LARGE, "request too large", "REVERB_MAX_REQUEST_SIZE"),
        ):  # fmt: skip
            await request(server, app, method, path, body)
            message, fields = refused()
            assert message == what
            assert advice in fields.get("advice", "")
            assert fields["client"].startswith("127.0.0.1:")
            assert what == "request too large" or (fields["method"], fields["path"]) == (method, path)


async def request(server: Server, app: App, method: str, path: str, body: object) -> None:
    sent = b"" if body is None else json.dumps(body).encode()
    async with http(server.port) as connection:
        await connection.request(method, signed(app, method, path, sent), sent)


UPGRADE = (
    "GET /app/app-key HTTP/{http}\r\nHost: a\r\nConnection: {connection}\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: {version}\r\n\r\n"
)
GOOD = {"http": "1.1", "connection": "Upgrade", "version": "13"}


@pytest.mark.parametrize(
    ("sent", "what", "advice"),
    [
        (UPGRADE.format(**GOOD | {"http": "1.0"}), "bad handshake", "proxy_http_version 1.1"),
        (UPGRADE.format(**GOOD | {"version": "8"}), "bad handshake", "RFC 6455"),
        (UPGRADE.format(**GOOD | {"connection": "close"}), "bad handshake", "proxy_set_header Upgrade"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "broken request", "HTTP/2"),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET /up HTTP/1.1\r\n\r\n", "broken request", "PROXY"),
    ],
)
async def test_what_is_wrong_between_client_and_server(
    refused: Any, sent: str, what: str, advice: str
) -> None:
    async with serving() as server, http(server.port) as connection:
        await connection.send_bytes(sent.encode())
        await connection.response()
        found, fields = refused()
        assert (found, advice in fields["advice"]) == (what, True)


async def test_clocks_that_differ(refused: Any) -> None:
    query = "auth_key=app-key&auth_timestamp=1000&auth_version=1.0"
    signature = APP.sign(f"GET\n/apps/1/channels\n{query}")
    async with serving() as server, http(server.port) as connection:
        await connection.request("GET", f"/apps/1/channels?{query}&auth_signature={signature}")
        found, fields = refused()
        assert (found, "clocks" in fields["advice"]) == ("wrong signature", True)


async def test_what_is_no_refusal(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "revurb")
    async with serving() as server, connect(server.port, "open-key") as client:
        await client.subscribe("a")
        assert (await api(server.port, OPEN, "GET", "/channels/presence-none/users")).status == 200
    assert [record for record in caplog.records if record.name == "revurb.observe.refusal_log"] == []


async def test_sessions(refused: Any) -> None:
    async with serving() as server, connect(server.port, "open-key") as client:
        await client.send(
            {"event": "pusher:subscribe", "data": {"channel": "private-a", "auth": "open-key:0"}}
        )
        await client.expect_error(4009)
        await client.next_event()
        what, fields = refused()
        assert (what, fields["channel"], fields["app"]) == ("subscription refused", "private-a", "2")
        assert fields["socket_id"] == client.socket_id
        assert fields["client"].startswith("127.0.0.1:")
        assert "auth endpoint" in fields["advice"]
        await client.send({"event": "client-x", "channel": "a", "data": 1})
        await client.next_event()
        assert refused()[0] == "client event refused"
        await client.send("nonsense")
        await client.expect_error(4200)
        assert refused()[0] == "invalid message"
        await client.send("more")
        await client.expect_error(4301)
        what, fields = refused()
        assert (what, fields["reason"]) == ("rate limit exceeded", "Rate limit exceeded")


async def test_what_is_over_a_limit_names_the_limit(refused: Any) -> None:
    limits = AppLimits(max_presence_members=1, max_client_events_per_second=2).or_else(PUSHER_LIMITS)
    app = App(id="3", key="app-key", secret="hush-hush", limits=limits)

    async with (
        Server(apps=[app], port=0) as server,
        connect(server.port, "app-key") as client,
        connect(server.port, "app-key") as other,
    ):
        await other.subscribe("presence-a", app, {"user_id": "1"})
        await client.subscribe("private-a", app)
        big, room = {"user_id": "2", "user_info": "x" * 2000}, "presence-a"

        async def subscribe(channel: str, user: object) -> None:
            data = json.dumps(user)
            auth = channel_auth(app, client.socket_id, channel, data)
            subscription = {"channel": channel, "auth": auth, "channel_data": data}
            await client.send({"event": "pusher:subscribe", "data": subscription})
            await client.next_event()
            await client.expect("pusher:subscription_error")

        for channel, user, limit in (
            ("presence-a b", {"user_id": "2"}, "REVURB_APP_CHANNEL_NAME_CHARSET"),
            (room, {"user_id": "2"}, "REVURB_APP_MAX_PRESENCE_MEMBERS"),
            (room, big, "REVURB_APP_MAX_USER_ID_LENGTH"),
        ):
            await subscribe(channel, user)
            what, fields = refused()
            assert (what, fields["channel"]) == ("subscription refused", channel)
            assert limit in fields["advice"]
        await client.send({"event": "client-" + "x" * 200, "channel": "private-a", "data": 1})
        await client.expect_error(4301)
        assert "REVURB_APP_MAX_EVENT_NAME_LENGTH" in refused()[1]["advice"]
        await other.subscribe("private-a", app)
        frame = encode_frame(TEXT, b'{"event":"client-x","channel":"private-a","data":1}')
        await other.send_bytes(3 * frame)  # at once, so in one second
        await other.expect_error(4301)
        what, fields = refused()
        assert what == "client event refused"
        assert "REVURB_APP_MAX_CLIENT_EVENTS_PER_SECOND" in fields["advice"]


@pytest.mark.parametrize(
    ("channel", "reason"),
    [("private-a:b", "colon"), ("presence-a", "channel_data"), ("#server-to-user-1", "reserved")],
)
async def test_what_no_signature_opens_is_not_blamed_on_the_signature(
    channel: str, reason: str, refused: Any
) -> None:
    async with serving() as server, connect(server.port, "open-key") as client:
        auth = channel_auth(OPEN, client.socket_id, channel)
        await client.send({"event": "pusher:subscribe", "data": {"channel": channel, "auth": auth}})
        await client.expect_error(4009)
        what, fields = refused()
        assert (what, fields["channel"], "advice" in fields) == ("subscription refused", channel, False)
        assert reason in fields["reason"]


async def test_sign_ins(refused: Any) -> None:
    async with serving() as server, connect(server.port, "open-key") as client:
        wrong = App(id="1", key="open-key", secret="another")
        data = wrong.authenticate_user(client.socket_id, {"id": "7"})
        await client.send({"event": "pusher:signin", "data": data})
        await client.expect_error(4009)
        what, fields = refused()
        assert (what, fields["reason"]) == ("sign-in refused", "Connection is unauthorized")
        assert "endpoint for users" in fields["advice"]
        data = OPEN.authenticate_user(
            client.socket_id, {"id": "7", "watchlist": [str(n) for n in range(101)]}
        )
        await client.send({"event": "pusher:signin", "data": data})
        await client.expect_error(4302)
        assert "shorter" in refused()[1]["advice"]


async def test_who_does_not_sign_in(refused: Any) -> None:
    strict = App(id="3", key="strict-key", secret="hush-3", user_authentication_timeout_s=1)
    async with Server(apps=[strict], port=0) as server, connect(server.port, "strict-key") as client:
        await client.expect_error(4009)
        assert await client.closed() == 4009
        what, fields = refused()
        assert (what, fields["socket_id"]) == ("nobody signed in", client.socket_id)
        assert "REVURB_APP_USER_AUTHENTICATION_TIMEOUT" in fields["advice"]


async def test_a_sign_in_that_is_signed_is_not_blamed_on_the_signature(refused: Any) -> None:
    async with serving() as server, connect(server.port, "open-key") as client:
        await client.sign_in(OPEN, "7")
        data = OPEN.authenticate_user(client.socket_id, {"id": "8"})
        await client.send({"event": "pusher:signin", "data": data})
        await client.expect_error(4009)
        what, fields = refused()
        assert (what, "advice" in fields) == ("sign-in refused", False)
        assert "another user" in fields["reason"]


async def test_messages_that_are_too_large_or_broken(refused: Any) -> None:
    async with serving() as server:
        async with connect(server.port, "open-key") as client:
            await client.send("x" * 20_000)
            assert await client.closed() == 1009
        what, fields = refused()
        assert (what, "REVERB_APP_MAX_MESSAGE_SIZE" in fields["advice"]) == ("message too large", True)
        async with connect(server.port, "open-key") as client:
            await client.send_bytes(encode_frame(BINARY, b"x", masked=False))
            assert await client.closed() == 1002
        what, fields = refused()
        assert (what, fields["code"]) == ("broken WebSocket", "1002")
        assert "RFC 6455" in fields["advice"]
        async with connect(server.port, "open-key") as client:
            assert await client.close(1000) == 1000


async def test_a_client_that_does_not_read(refused: Any) -> None:
    async with serving(max_queued_bytes=1024) as server, connect(server.port, "open-key") as client:
        await client.subscribe("a")
        for _ in range(200):
            await server.trigger("a", "e", "x" * 100_000, app_id="2")
        async with asyncio.timeout(10):
            while await server.channels(app_id="2"):
                await asyncio.sleep(0)
        what, fields = refused()
        assert (what, "REVURB_MAX_QUEUED_BYTES" in fields["advice"]) == ("client is too slow", True)


async def test_tls_on_a_plain_port(refused: Any) -> None:
    async with serving() as server:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", server.port, ssl=ssl.create_default_context())
        what, fields = refused()
        assert what == "TLS handshake on a plain port"
        assert fields["client"].startswith("127.0.0.1:")
        assert "REVURB_TLS_CERT" in fields["advice"]


async def test_plain_text_on_a_tls_port(refused: Any, tmp_path: Path) -> None:
    issued = trustme.CA().issue_cert("localhost")
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    async with serving(tls_cert=tmp_path / "cert.pem", tls_key=tmp_path / "key.pem") as server:
        async with http(server.port) as connection:
            response = await connection.request("GET", "/up")
        assert (response.status, response.text) == (
            400,
            "Bad request. This port speaks TLS: connect with https:// or wss://.",
        )
        what, fields = refused()
        assert (what, "forceTLS: true" in fields["advice"]) == ("plain request on the TLS port", True)


async def test_a_provider_is_not_asked_for_all_its_apps(refused: Any) -> None:
    class Other:
        def __init__(self) -> None:
            self._apps = FixedApps([APP])
            self.find_by_id, self.find_by_key = self._apps.find_by_id, self._apps.find_by_key

        def all(self) -> Any:
            raise AssertionError("this may take long")

    async with Server(app_provider=Other(), port=0) as server:
        await refuse(server, "nope")
        assert refused()[1]["advice"] == "the app provider does not know it"
