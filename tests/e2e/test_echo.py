"""What a Laravel front end does with laravel-echo."""

from __future__ import annotations

from tests.e2e.conftest import Stages

EVENT = "OrderShipped"
SENT_AS = "App\\Events\\OrderShipped"  # Echo adds the namespace of Laravel's broadcast events


async def test_listening(stage: Stages) -> None:
    async with stage() as s:
        await s.open("a", echo=True)
        for how, channel in (("channel", "orders"), ("private", "private-orders")):
            await s.node.do("listen", "a", how=how, channel="orders", events=[EVENT])
            await s.node.event("a", "subscribed")
            await s.trigger(channel, SENT_AS, {"id": 7})
            assert await s.node.event("a", EVENT) == {"id": 7}


async def test_an_encrypted_channel(stage: Stages) -> None:
    async with stage() as s:
        await s.open("a", echo=True)
        await s.node.do("listen", "a", how="encryptedPrivate", channel="orders", events=[EVENT])
        await s.node.event("a", "subscribed")
        await s.trigger("private-encrypted-orders", SENT_AS, {"id": 7})
        assert await s.node.event("a", EVENT) == {"id": 7}


async def test_presence_and_whispers(stage: Stages) -> None:
    async with stage() as s:
        for name, user in (("ann", "1"), ("bob", "2")):
            await s.open(name, user, echo=True)
            await s.node.do("listen", name, how="join", channel="room", whispers=["typing"])
            await s.node.event(name, "subscribed")
            here = await s.node.event(name, "here")
            assert {"name": f"User {user}"} in here
        assert await s.node.event("ann", "joining") == {"name": "User 2"}

        await s.node.do("whisper", "bob", how="join", channel="room", event="typing", data={"on": 1})
        assert await s.node.event("ann", "typing") == {"on": 1}

        await s.node.do("leave", "bob", channel="room")
        assert await s.node.event("ann", "leaving") == {"name": "User 2"}


async def test_error_fires_for_a_refused_subscription(stage: Stages) -> None:
    async with stage() as s:
        await s.open("a", echo=True, params={"forge": "1"})
        await s.node.do("listen", "a", how="private", channel="orders", events=[EVENT])
        error = await s.node.event("a", "error")
        assert error["type"] == "AuthError"
        assert error["status"] == 401


async def test_error_fires_when_the_web_application_says_no(stage: Stages) -> None:
    async with stage() as s:
        await s.open("a", echo=True, params={"deny": "1"})
        await s.node.do("listen", "a", how="private", channel="orders", events=[EVENT])
        assert (await s.node.event("a", "error"))["status"] == 403
