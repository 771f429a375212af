"""An app that is not enabled: 4003 for clients, 403 for requests that it has signed."""

from __future__ import annotations

from dataclasses import replace

from revurb import App, Server
from tests.client import api, connect

OFF = App(id="1", key="key1", secret="secret", is_enabled=False)
EVENT = {"name": "e", "channel": "c", "data": "x"}


async def test_clients_are_refused_with_4003() -> None:
    async with Server(apps=[OFF], port=0) as server:
        async with connect(server.port, "key1", greet=False) as client:
            assert await client.expect_error(4003) == "Application disabled"
            assert await client.closed() == 4003
        for method, path, body in (("GET", "/channels", None), ("POST", "/events", EVENT)):
            answer = await api(server.port, OFF, method, path, body)
            assert (answer.status, answer.text) == (403, "Forbidden. The application is disabled.")
        stranger = replace(OFF, secret="other")  # who cannot sign is not told
        assert (await api(server.port, stranger, "GET", "/channels")).status == 401


async def test_both_secrets_of_a_rotation_count_for_requests_and_channels() -> None:
    new = App(id="1", key="key1", secret="new", previous_secret="old")
    async with Server(apps=[new], port=0) as server:
        for secret, status in (("new", 200), ("old", 200), ("older", 401)):
            signer = App(id="1", key="key1", secret=secret)
            assert (await api(server.port, signer, "POST", "/events", EVENT)).status == status
            async with connect(server.port, "key1") as client:
                auth = f"key1:{signer.sign(f'{client.socket_id}:private-a')}"
                await client.send(
                    {"event": "pusher:subscribe", "data": {"channel": "private-a", "auth": auth}}
                )
                expected = "pusher_internal:subscription_succeeded" if status == 200 else "pusher:error"
                await client.expect(expected)
                await client.send(
                    {
                        "event": "pusher:signin",
                        "data": {**signer.authenticate_user(client.socket_id, {"id": "7"})},
                    }
                )
                events = [frame.message["event"] for frame in await client.flushed()]
                assert ("pusher:signin_success" in events) == (status == 200)
