"""`revurb.Server` inside a program: several of them, on any loop, and what it refuses."""

from __future__ import annotations

import asyncio

import pytest

from revurb import App, Server
from tests.client import connect
from tests.conftest import Run

APP = App(id="app-id", key="app-key", secret="app-secret")


OTHER = App(id="other-id", key="other-key", secret="other-secret")


def test_trigger_takes_json_text_and_several_channels(run: Run) -> None:
    async def main() -> None:
        async with Server(apps=[APP], port=0) as server, connect(server.port) as client:
            await client.subscribe("a")
            await client.subscribe("b")
            await server.trigger("a", "e", {"n": [1, "é"]})
            await server.trigger(["a", "b"], "e", "text")
            await server.trigger("a", "e", "not for you", socket_id=client.socket_id)
            events = [await client.expect("e") for _ in range(3)]
            assert [(event["channel"], event["data"]) for event in events] == [
                ("a", '{"n":[1,"é"]}'),
                ("a", "text"),
                ("b", "text"),
            ]
            await client.expect_silence()

    run(main())


def test_servers_in_one_process_share_nothing(run: Run) -> None:
    async def main() -> None:
        async with (
            Server(apps=[APP], port=0) as one,
            Server(apps=[APP], port=0) as two,
            connect(one.port) as of_one,
            connect(two.port) as of_two,
        ):
            await of_one.subscribe("a")
            await of_two.subscribe("a")
            await one.trigger("a", "e", 1)
            await of_one.expect("e")
            await of_two.expect_silence()

    run(main())


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop])
def test_it_runs_on_asyncios_own_loop(loop_factory: object) -> None:
    async def main() -> None:
        async with Server(apps=[APP], port=0) as server, connect(server.port) as client:
            await client.subscribe("a")
            await server.trigger("a", "e", 1)
            await client.expect("e")

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(main())


def test_which_app_must_be_said_where_there_are_several(run: Run) -> None:
    async def main() -> None:
        async with Server(apps=[APP, OTHER], port=0) as server:
            with pytest.raises(LookupError, match="2 apps"):
                await server.trigger("a", "e", 1)
            with pytest.raises(LookupError, match="'nope'"):
                await server.trigger("a", "e", 1, app_id="nope")
            await server.trigger("a", "e", 1, app_id="other-id")

    run(main())


def test_what_cannot_be_served_is_said_at_once() -> None:
    with pytest.raises(ValueError, match="apps or an app_provider"):
        Server()
    with pytest.raises(ValueError, match="tls_key"):
        Server(apps=[APP], tls_cert="cert.pem")
    with pytest.raises(ValueError, match="path"):
        Server(apps=[APP], path="ws/")
