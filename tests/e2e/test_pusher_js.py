"""What pusher-js sees of each kind of channel."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trustme

from tests.client import api, connect
from tests.e2e.conftest import APP, Stages, serve


async def test_public_and_private_channels(stage: Stages) -> None:
    async with stage() as s:
        socket_id = await s.open("a")
        await s.open("b")
        for channel in ("news", "private-news"):
            await s.node.subscribe("a", channel)
            await s.node.subscribe("b", channel)
            await s.trigger(channel, "headline", {"text": "größer/éé 😀", "tags": [], "more": {}})
            expected = {"text": "größer/éé 😀", "tags": [], "more": {}}
            assert await s.node.event("a", "headline", channel) == expected
            assert await s.node.event("b", "headline", channel) == expected

        await s.trigger("news", "not-to-a", "x", socket_id)
        await s.trigger("news", "to-all", "x")
        assert await s.node.event("a", "to-all") == "x"
        assert await s.node.event("b", "not-to-a") == "x"

        await s.node.do("unsubscribe", "a", channel="news")
        await s.trigger(["news", "private-news"], "later", 5)
        assert await s.node.event("a", "later", "private-news") == 5


async def test_a_wrong_signature_is_a_subscription_error(stage: Stages) -> None:
    async with stage() as s:
        await s.open("a", params={"forge": "1"})
        await s.node.do("subscribe", "a", channel="private-news")
        unauthorized = {"code": 4009, "message": "Connection is unauthorized"}
        assert await s.node.error("a") == unauthorized
        error = await s.node.event("a", "pusher:subscription_error", "private-news")
        assert error["type"] == "AuthError"
        assert error["status"] == 401
        await s.node.subscribe("a", "news")  # the connection goes on


async def test_a_user_with_several_tabs_is_one_member(stage: Stages) -> None:
    async with stage() as s:
        await s.open("ann", "1")
        here = await s.node.subscribe("ann", "presence-room")
        assert here == {"me": "1", "count": 1, "members": {"1": {"name": "User 1"}}}

        await s.open("bob-1", "2")
        assert (await s.node.subscribe("bob-1", "presence-room"))["count"] == 2
        await s.open("bob-2", "2")
        there = await s.node.subscribe("bob-2", "presence-room")
        assert sorted(there["members"]) == ["1", "2"]
        added = await s.node.event("ann", "pusher:member_added")
        assert added == {"id": "2", "info": {"name": "User 2"}}

        await s.node.do("close", "bob-1")
        await s.node.state("bob-1", "disconnected")
        await s.trigger("presence-room", "bob-is-still-here", "")
        assert await s.node.event("ann", "bob-is-still-here") == ""

        await s.node.do("unsubscribe", "bob-2", channel="presence-room")
        assert (await s.node.event("ann", "pusher:member_removed"))["id"] == "2"


async def test_cache_channels(stage: Stages) -> None:
    async with stage() as s:
        await s.open("a")
        await s.open("b")
        for channel in ("cache-score", "private-cache-score", "private-encrypted-cache-score"):
            await s.node.subscribe("a", channel)
            await s.node.event("a", "pusher:cache_miss", channel)
            await s.trigger(channel, "goal", {"home": 1})
            assert await s.node.event("a", "goal", channel) == {"home": 1}
            await s.node.subscribe("b", channel)
            assert await s.node.event("b", "goal", channel) == {"home": 1}


async def test_what_the_sdk_encrypts_pusher_js_decrypts(stage: Stages) -> None:
    async with stage() as s, connect(s.server.port, APP.key) as eavesdropper:
        await eavesdropper.subscribe("private-encrypted-plans", APP)
        await s.open("a")
        await s.node.subscribe("a", "private-encrypted-plans")
        await s.trigger("private-encrypted-plans", "plan", {"secret": "é"})
        assert await s.node.event("a", "plan") == {"secret": "é"}
        seen = await eavesdropper.expect("plan")
        assert json.loads(seen["data"]).keys() == {"nonce", "ciphertext"}


async def test_client_events(stage: Stages) -> None:
    async with stage() as s:
        for name, user in (("ann", "1"), ("bob", "2")):
            await s.open(name, user)
            await s.node.subscribe(name, "private-talk")
        await s.node.do("trigger", "ann", channel="private-talk", event="client-typing", data={"on": True})
        assert await s.node.event("bob", "client-typing") == {"on": True}
        cut = {"emoji cut in two": "\ud83d"}  # which JSON.stringify sends as an escape
        await s.node.do("trigger", "ann", channel="private-talk", event="client-typing", data=cut)
        assert await s.node.event("bob", "client-typing") == cut


async def test_reconnects_when_the_server_restarts(stage: Stages) -> None:
    async with stage() as s:
        await s.open("a")
        await s.node.subscribe("a", "news")
        await s.server.stop()
        async with serve(port=s.server.port) as again:
            # At once, because of 4200; a client that is quicker than the new server tries again after 10 s.
            await s.node.state("a", "connected", patience_s=30)
            await s.node.event("a", "pusher:subscription_succeeded", "news")
            await again.trigger("news", "back", '"again"')
            assert await s.node.event("a", "back") == "again"


async def test_a_terminated_user_does_not_come_back(stage: Stages) -> None:
    async with stage() as s:
        await s.open("ann", "1")
        await s.node.subscribe("ann", "presence-room")
        answer = await api(s.server.port, APP, "POST", "/users/1/terminate_connections", {})
        assert answer.status == 200
        await s.node.state("ann", "disconnected")  # 4009: refused, where 4200 would be reconnecting


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Files: the authority, the server's chain, its key."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    ca, chain, key = (folder / name for name in ("ca.pem", "chain.pem", "key.pem"))
    authority.cert_pem.write_to_path(str(ca))
    for blob in issued.cert_chain_pems:
        blob.write_to_path(str(chain), append=True)
    issued.private_key_pem.write_to_path(str(key))
    return ca, chain, key


async def test_tls(certificate: tuple[Path, Path, Path], stage: Stages) -> None:
    ca, chain, key = (str(path) for path in certificate)
    async with stage(ca_file=ca, tls_cert=chain, tls_key=key) as s:
        await s.open("a", forceTLS=True)
        await s.node.subscribe("a", "private-news")
        await s.server.trigger("private-news", "secret", '"kept"')
        assert await s.node.event("a", "secret") == "kept"


async def test_path_prefix(stage: Stages) -> None:
    async with stage(path="/realtime") as s:
        await s.open("a", wsPath="/realtime")
        await s.node.subscribe("a", "news")
        event = {"name": "e", "channel": "news", "data": '"below"'}
        answer = await api(s.server.port, APP, "POST", "/events", event, prefix="/realtime")
        assert answer.status == 200, answer.text
        assert await s.node.event("a", "e") == "below"
