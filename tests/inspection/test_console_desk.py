"""Each question of the console, at each `Place`. Each test has channels and users of its own there."""

from __future__ import annotations

from typing import Any

from revurb.inspection.event_tap import MAX_TAPS
from revurb.inspection.figure_history import COLUMNS
from tests.client import http
from tests.inspection.place import APP, Place
from tests.inspection.place import place as place
from tests.inspection.place import receiver as receiver
from tests.webhooks.receiver import Receiver


async def test_overview(place: Place) -> None:
    overview = await place.ask("overview")
    assert overview["apps"] == [{"id": APP.id, "key": APP.key}]
    assert overview["apps_are_whole"] is True
    assert overview["client"] == {"port": place.ports[0], "path": "", "tls": False}
    assert len(overview["nodes"]) == place.processes
    assert {node["state"] for node in overview["nodes"]} == {"ready"}
    own = [row["process"] for row in overview["processes"]]
    assert own == (["worker 0", "worker 1", "hub"] if place.kind == "workers" else ["node"])
    assert overview["is_cluster"] is (place.kind == "redis")
    assert overview["degraded"] is None
    assert overview["can_act"] is True


async def test_several_at_once(place: Place) -> None:
    questions: list[dict[str, Any]] = [
        {"ask": "overview", "body": {}},
        {"ask": "channels", "body": {"app": "1"}},
        {"ask": "events", "body": {"app": "9"}},
        {"ask": "troubles", "body": {}},
        {"ask": "figures", "body": {}},
    ]
    answers = (await place.ask("several", questions=questions))["answers"]
    assert [answer["status"] for answer in answers] == [200, 200, 404, 200, 200]
    assert len(answers[0]["body"]["nodes"]) == place.processes
    assert len(answers[4]["body"]["processes"]) == place.processes


async def test_without_the_token_nothing_is_told(place: Place) -> None:
    async with http(place.admin_port) as connection:
        headers = [("Content-Type", "application/json"), ("Authorization", "Bearer other")]
        for given in (headers, headers[:1]):
            refused = await connection.request("POST", "/console/api/overview", b"{}", given)
            assert refused.status == 401
        page = await connection.request("GET", "/console/")
        assert page.status == 200
        assert "default-src 'none'" in page.headers["content-security-policy"]


async def test_figures(place: Place) -> None:
    def total(answer: Any, column: str) -> float:
        rows = [process["samples"][-1] for process in answer["processes"] if process["samples"]]
        return float(sum(row[COLUMNS.index(column)] for row in rows))

    await place.until(lambda answer: total(answer, "connections") == 0, "figures")
    async with place.clients(4) as clients:
        for client in clients:
            await client.subscribe("figures")
        await place.publish("e", "figures")
        answer = await place.until(
            lambda answer: (
                total(answer, "deliveries") >= 4 * len(place.ports)
                and total(answer, "connections") == total(answer, "subscriptions") == 4
            ),
            "figures",
        )
    assert answer["columns"] == list(COLUMNS)
    processes = [process["process"] for process in answer["processes"]]
    assert len(set(processes)) == place.processes
    names = {process["name"] for process in answer["processes"]}
    assert names == ({"worker 0", "worker 1"} if place.kind == "workers" else {"node"})
    assert total(answer, "memory_bytes") > 10_000_000
    newest = {process["process"]: process["samples"][-1][0] for process in answer["processes"]}
    later = await place.ask("figures", after=newest)
    for process in later["processes"]:
        assert all(row[0] > newest[process["process"]] for row in process["samples"])
        assert len(process["samples"]) <= 2


async def test_channels(place: Place) -> None:
    async with place.clients(4) as clients:
        for number, client in enumerate(clients):
            await client.subscribe("listed-a")
            if number:
                await client.subscribe("private-listed", APP)
            if number > 1:
                await client.subscribe("presence-listed", APP, {"user_id": "one"})
        answer = await place.until(
            lambda answer: [row["subscriptions"] for row in answer["channels"]] == [4, 3, 2],
            "channels",
            app="1",
            filter="listed",
        )
        assert answer["channels"] == [
            {"name": "listed-a", "kind": "public", "subscriptions": 4, "users": None},
            {"name": "private-listed", "kind": "private", "subscriptions": 3, "users": None},
            {"name": "presence-listed", "kind": "presence", "subscriptions": 2, "users": 1},
        ]
        assert (answer["total"], answer["is_whole"]) == (3, True)
        first = await place.until(
            lambda answer: [row["subscriptions"] for row in answer["channels"]] == [4],
            "channels",
            app="1",
            filter="*listed*",
            limit=1,
        )
        assert [row["name"] for row in first["channels"]] == ["listed-a"]
        assert first["is_whole"] is False


async def test_a_channel(place: Place) -> None:
    async with place.clients(2) as clients:
        for name, client in zip(("ann", "bob"), clients, strict=True):
            await client.subscribe("presence-one", APP, {"user_id": name, "user_info": {"name": name}})
        channel = await place.until(
            lambda answer: answer["subscriptions"] == 2, "channel", app="1", channel="presence-one"
        )
        assert channel["members"] == [
            {"id": "ann", "info": {"name": "ann"}},
            {"id": "bob", "info": {"name": "bob"}},
        ]
        assert (channel["kind"], channel["member_count"], channel["history"]) == ("presence", 2, None)
    empty = await place.ask("channel", app="1", channel="nobody")
    assert (empty["occupied"], empty["members"]) == (False, None)


async def test_a_channel_with_history(place: Place) -> None:
    await place.publish("kept", "kept-a", '{"n":1}')
    channel = await place.ask("channel", app="1", channel="kept-a")
    history = channel["history"]
    assert [(event["event"], event["data"]) for event in history["events"]] == [("kept", '{"n":1}')] * len(
        place.ports
    )
    assert history["position"] == history["events"][-1]["id"]
    assert history["failure"] is None


async def test_events(place: Place) -> None:
    question: dict[str, Any] = {"app": "1", "channel": "private-tap", "event": ""}
    before = await place.ask("events", **question)
    assert (before["events"], len(before["after"])) == ([], place.processes)
    async with place.clients(2) as clients:
        for client in clients:
            await client.subscribe("private-tap", APP)
        await clients[1].send({"event": "client-typing", "channel": "private-tap", "data": {"n": 1}})
        await clients[0].expect("client-typing")
        await place.publish("order.created", "private-tap", "hello")
        await place.publish("order.created", "other")
        answer = await place.ask("events", **question, after=before["after"])
        whispered = {"socket_id": clients[1].socket_id, "by": "client", "data": '{"n":1}'}
    seen = [event for event in answer["events"] if event["event"] == "client-typing"]
    assert [{name: event[name] for name in whispered} for event in seen] == [whispered]
    sent = [event for event in answer["events"] if event["event"] == "order.created"]
    assert [(event["channels"], event["data"], event["data_bytes"], event["by"]) for event in sent] == [
        (["private-tap"], "hello", 5, "server")
    ] * len(place.ports)
    if place.kind == "redis":
        assert len({event["process"] for event in sent}) == 2
    assert answer["skipped"] == 0
    again = await place.ask("events", **question, after=answer["after"])
    assert again["events"] == []
    for number in range(MAX_TAPS - 1):
        await place.ask("events", app="1", channel=f"other-{number}")
    refused = await place.ask("events", 429, app="1", channel="one too many")
    assert refused["error"].startswith(f"{MAX_TAPS} other filters of events are in use: ")


async def test_publish(place: Place) -> None:
    async with place.clients(2) as clients:
        for client in clients:
            await client.subscribe("published")
        question: dict[str, Any] = {"app": "1", "channels": ["published"], "event": "by-hand", "data": "x"}
        assert await place.ask("publish", **question, socket_id=clients[0].socket_id) == {}
        assert (await clients[1].expect("by-hand"))["data"] == "x"
        await clients[0].expect_silence()
    for wrong, status, says in (
        ({"event": ""}, 422, "The name field is required."),
        ({"channels": []}, 422, "channel"),
        ({"channels": ["#online-7"]}, 422, "server's own"),
        ({"data": "x" * 20_000}, 413, "REVERB_MAX_REQUEST_SIZE"),
        ({"app": "9"}, 404, "9"),
    ):
        asked: dict[str, Any] = {**question, **wrong}
        refused = await place.ask("publish", status, **asked)
        assert says in refused["error"]


async def test_authorize(place: Place) -> None:
    async with place.clients(1) as (client,):
        asked: dict[str, Any] = {"app": "1", "socket_id": client.socket_id}
        signed = await place.ask(
            "authorize", **asked, channel="presence-signed", user_id=7, user_info={"name": "ann"}
        )
        data = {"channel": "presence-signed", **signed}
        await client.send({"event": "pusher:subscribe", "data": data})
        await client.expect("pusher_internal:subscription_succeeded")
        await client.send(
            {"event": "pusher:signin", "data": await place.ask("authorize", **asked, user={"id": "8"})}
        )
        await client.expect("pusher:signin_success")
        mistakes: list[dict[str, Any]] = [
            {},
            {"channel": "a"},
            {"channel": "private-encrypted-a"},
            {"user": {}},
        ]
        for wrong in mistakes:
            assert (await place.ask("authorize", 400, **asked, **wrong))["error"]


async def test_a_user_is_found_and_ended(place: Place) -> None:
    async with place.clients(4) as clients:
        for client in clients[:2]:
            await client.subscribe("presence-users", APP, {"user_id": "9"})
        await clients[2].sign_in(APP, "9")
        found = await place.ask("user", app="1", user_id=9)
        assert {row["socket_id"] for row in found["connections"]} == {
            client.socket_id for client in clients[:3]
        }
        channels = {row["socket_id"]: row["channels"] for row in found["connections"]}
        assert channels[clients[0].socket_id] == ["presence-users"]
        assert all(row["address"].startswith("127.0.0.1:") for row in found["connections"])
        assert found["is_whole"] is True
        assert await place.ask("end", app="1", user_id="9") == {}
        for client in clients[:3]:
            assert await client.closed() == 4009
        assert clients[3].close_code is None
        assert (await place.ask("user", app="1", user_id="9"))["connections"] == []


async def test_troubles(place: Place) -> None:
    async with place.clients(2) as clients:
        for client in clients:
            subscription = {"channel": "private-refused", "auth": "key1:wrong"}
            await client.send({"event": "pusher:subscribe", "data": subscription})
            await client.expect_error(4009)

    def refused(answer: Any) -> list[Any]:
        return [line for line in answer["lines"] if line["fields"].get("channel") == "private-refused"]

    answer = await place.ask("troubles")
    lines = refused(answer)
    assert [(line["what"], line["level"]) for line in lines] == [("subscription refused", "warning")] * 2
    assert all("auth endpoint" in line["advice"] for line in lines)
    if place.kind == "redis":
        assert len({line["process"] for line in lines}) == 2
    assert refused(await place.ask("troubles", after=answer["after"])) == []
    supervisors = 1 if place.kind == "workers" else 0
    assert len(answer["after"]) == place.processes + supervisors


async def test_webhooks(place: Place, receiver: Receiver) -> None:
    async with place.clients(1) as (client,):
        await client.subscribe("told")
        answer = await place.until(lambda answer: answer["dead"], "webhooks")
    assert answer["is_on"] is True
    assert answer["targets"] == [{"app": "1", "url": receiver.url, "events": []}]
    letter = answer["dead"][-1]
    assert (letter["app"], letter["url"], letter["tries"]) == ("1", f"{receiver.url}?...", 1)
    assert letter["events"] >= 1
    assert "403" in letter["why"]
    assert answer["failed"] >= 1
    assert answer["delivered"] == 0
