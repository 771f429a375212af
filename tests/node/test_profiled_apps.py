"""Apps of a provider under `REVURB_LIMITS=pusher`."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

import pytest

from revurb import App, AppLimits, Server
from revurb.apps import PUSHER_LIMITS
from revurb.node.profiled_apps import ProfiledApps
from tests.client import api, connect

PLAIN = App(id="1", key="k1", secret="s")
OWN = App(id="2", key="k2", secret="s", limits=AppLimits(max_presence_members=7))


class Provider:
    """Has both apps: the first at once, the second later."""

    def find_by_id(self, app_id: str) -> App | Awaitable[App | None] | None:
        return PLAIN if app_id == "1" else self._later(OWN if app_id == "2" else None)

    def find_by_key(self, key: str) -> App | Awaitable[App | None] | None:
        return PLAIN if key == "k1" else self._later(OWN if key == "k2" else None)

    def all(self) -> Sequence[App]:
        return [PLAIN, OWN]

    async def _later(self, app: App | None) -> App | None:
        return app


async def found(answer: App | Awaitable[App | None] | None) -> App | None:
    return await answer if isinstance(answer, Awaitable) else answer


async def test_they_have_the_limits_that_they_do_not_set() -> None:
    apps = ProfiledApps(Provider(), "pusher")
    one, two = await found(apps.find_by_id("1")), await found(apps.find_by_key("k2"))
    assert one is not None
    assert one.limits == PUSHER_LIMITS
    assert two is not None
    assert two.limits is not None
    assert (two.limits.max_presence_members, two.limits.max_events_per_batch) == (7, 10)
    assert await found(apps.find_by_key("k3")) is None
    assert list(apps.all()) == [one, two]
    assert await found(apps.find_by_id("1")) is one  # an app is what sessions and the API know it by


@pytest.mark.parametrize("app", [PLAIN, OWN])
async def test_a_server_has_them(app: App) -> None:
    async with Server(app_provider=Provider(), port=0, limits_profile="pusher") as server:
        event = {"name": "e", "channel": "c", "data": "x" * 10_240}
        assert (await api(server.port, app, "POST", "/events", event)).status == 200
        assert (await api(server.port, app, "POST", "/events", {**event, "channel": "a b"})).status == 400
        async with connect(server.port, app.key) as client:
            await client.send({"event": "pusher:subscribe", "data": {"channel": "a b"}})
            assert (await client.expect("pusher:error"))["data"]["code"] == 4009
