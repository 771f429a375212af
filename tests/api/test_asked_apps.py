"""What the first cannot wait for, the second is given, and nobody else."""

from __future__ import annotations

import asyncio

from revurb.api.asked_apps import AskedApps
from revurb.apps import FixedApps
from tests.pusher.room import an_app

APP = an_app()


async def test_an_answer_that_is_left_is_given_once_for_its_app() -> None:
    apps = AskedApps(FixedApps([APP]))
    left = asyncio.get_running_loop().create_future()
    apps.leave("app1", left)
    assert apps.find_by_id("app1") is left
    assert apps.find_by_id("app1") is APP
    apps.leave("app2", left)
    assert apps.find_by_id("app1") is APP
    assert apps.find_by_id("app2") is None
    assert apps.find_by_key("key1") is APP
    assert apps.all() == (APP,)
