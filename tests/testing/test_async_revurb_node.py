"""What asynchronous tests ask of a node: everything that synchronous ones do, without holding up their loop."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from revurb.testing import AsyncRevurbClient, AsyncRevurbNode, RevurbClient, RevurbNode


def test_a_test_with_a_loop_of_its_own(async_revurb_node: AsyncRevurbNode) -> None:
    async def main() -> None:
        node = async_revurb_node
        ann, bob = await node.connect("7", user_info={"name": "Ann"}), await node.connect("8")
        for client in (ann, bob):
            await client.subscribe("presence-room", "orders")
        assert sorted(map(str, await node.users("presence-room"))) == ["7", "8"]
        assert set(await node.channels()) == {"presence-room", "orders"}
        assert bob.members("presence-room")["7"] == {"name": "Ann"}
        # The loop goes on while an assertion waits: what it waits for happens on it.
        soon = asyncio.get_running_loop().create_task(node.trigger("orders", "created", {"id": 7}))
        await ann.received("created", channel="orders", data={"id": 7})
        await soon
        await node.published("created")
        await node.not_published("shipped")
        await ann.trigger("presence-room", "client-typing", {})
        await bob.received("client-typing")
        await ann.not_received("client-typing")
        with pytest.raises(AssertionError, match="shipped was not published within"):
            await node.published("shipped", timeout_s=0.01)
        await bob.unsubscribe("orders")
        await bob.sign_in()
        await node.terminate("8")
        await bob.received("pusher:error")
        await bob.close()
        assert ann.socket_id
        assert "created" in {event.event for event in ann.events}

    asyncio.run(main())


def public(kind: type) -> dict[str, list[str]]:
    methods = inspect.getmembers(kind, inspect.isfunction)
    return {name: [*inspect.signature(method).parameters] for name, method in methods if name[0] != "_"}


def test_it_has_what_synchronous_tests_have() -> None:
    """But `reset`, which the fixture calls."""
    assert public(AsyncRevurbNode) == {k: v for k, v in public(RevurbNode).items() if k != "reset"}
    assert public(AsyncRevurbClient) == public(RevurbClient)
