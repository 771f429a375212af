"""A FastAPI application and its asynchronous tests, with pytest-asyncio. The node has a thread of its own, so that an
SDK that blocks gets its answer."""

from __future__ import annotations

import httpx
import pusher
import pytest
from fastapi import FastAPI

from revurb.testing import AsyncRevurbNode


def create_app(sdk: pusher.Pusher) -> FastAPI:
    app = FastAPI()

    @app.post("/orders/{number}/ship")
    def ship(number: int) -> dict[str, int]:
        sdk.trigger("private-orders", "order.shipped", {"id": number})
        return {"id": number}

    return app


@pytest.fixture
def web(async_revurb_node: AsyncRevurbNode) -> httpx.AsyncClient:
    node = async_revurb_node
    sdk = pusher.Pusher(
        app_id=node.app_id, key=node.key, secret=node.secret, host=node.host, port=node.port, ssl=False
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(create_app(sdk)), base_url="http://test")


@pytest.mark.asyncio
async def test_shipping_is_published(web: httpx.AsyncClient, async_revurb_node: AsyncRevurbNode) -> None:
    await web.post("/orders/7/ship")
    await async_revurb_node.published("order.shipped", channel="private-orders", data={"id": 7})


@pytest.mark.asyncio
async def test_who_listens_is_told(web: httpx.AsyncClient, async_revurb_node: AsyncRevurbNode) -> None:
    client = await async_revurb_node.connect("7")
    await client.subscribe("private-orders", "presence-room")
    await web.post("/orders/7/ship")
    event = await client.received("order.shipped", channel="private-orders")
    assert event.json() == {"id": 7}
    await client.not_received("order.shipped", channel="presence-room")
    assert await async_revurb_node.users("presence-room") == ["7"]
