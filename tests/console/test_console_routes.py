"""Questions of the console's pages: who may ask, how, and what is answered."""

from __future__ import annotations

import asyncio
import json

import pytest

from revurb.console.admin_access import AdminAccess
from revurb.console.admin_listener import MAX_CONNECTIONS
from revurb.console.console_routes import MAX_ASKED, MAX_SEVERAL, ConsoleRoutes
from revurb.wire.http import Request
from revurb.wire.response import Response

QUESTION = "/console/api/figures"


class Asked:
    """Answers with what it was asked."""

    def __init__(self) -> None:
        self.questions: list[tuple[str, bytes]] = []

    async def ask(self, name: str, body: bytes) -> tuple[int, bytes]:
        self.questions.append((name, body))
        return (404, b'{"error":"no"}') if name == "unknown" else (200, b'{"version":"1"}')


def routes(token: str | None = "geheim", asked: Asked | None = None) -> ConsoleRoutes:
    ask = (asked or Asked()).ask
    return ConsoleRoutes(AdminAccess(token), ask, lambda: b'{"port":1,"processes":[{"process":"hub"}]}')


async def send(
    there: ConsoleRoutes, path: str = QUESTION, method: str = "POST", body: bytes = b"{}", **headers: str
) -> Response:
    given = {
        "host": "127.0.0.1:9",
        "authorization": "Bearer geheim",
        "content-type": "application/json",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return await there.answer(Request(method, path, "", given, body, "1.1", True, False))


async def test_a_question_and_its_answer() -> None:
    asked = Asked()
    answer = await send(routes(asked=asked), body=b'{"after":{}}')
    assert (answer.status, answer.body, answer.content_type) == (200, b'{"version":"1"}', "application/json")
    assert asked.questions == [("figures", b'{"after":{}}')]
    assert (await send(routes(), "/console/api/unknown")).status == 404
    own = await send(routes(), origin="http://127.0.0.1:9", content_type="Application/JSON; charset=utf-8")
    assert own.status == 200
    assert (await send(routes(), body=b"")).status == 200


@pytest.mark.parametrize(
    ("status", "header", "value"),
    [
        (401, "authorization", ""),
        (401, "authorization", "Bearer other"),
        (403, "origin", "http://example.com"),
        (403, "origin", "null"),
        (415, "content-type", "text/plain"),
        (415, "content-type", ""),
        (415, "content-type", "application/x-www-form-urlencoded"),
    ],
)
async def test_who_is_not_answered(status: int, header: str, value: str) -> None:
    asked = Asked()
    answer = await send(routes(asked=asked), QUESTION, "POST", b"{}", **{header: value})
    assert answer.status == status
    assert json.loads(answer.body)["error"].endswith((".", ")."))
    assert b"geheim" not in answer.body
    assert asked.questions == []


@pytest.mark.parametrize("path", [QUESTION, "/console/api/unknown", "/console/api/", "/console/api/a/b"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_without_the_token_nothing_is_told_below_api(path: str, method: str) -> None:
    answer = await send(routes(), path, method, authorization="")
    assert answer.status == 401
    assert ("WWW-Authenticate", 'Bearer realm="revurb"') in answer.headers


async def test_without_a_token_pages_of_other_names_get_nothing() -> None:
    assert (await send(routes(None))).status == 200
    assert (await send(routes(None), host="example.com")).status == 403


@pytest.mark.parametrize("body", [b"[]", b"nonsense", b'"text"', b'{"a":', b'{"a":"\xff"}', b"[" * 60_000])
async def test_a_body_is_a_json_object(body: bytes) -> None:
    asked = Asked()
    assert (await send(routes(asked=asked), body=body)).status == 400
    assert asked.questions == []


async def test_a_preflight_of_another_site_is_granted_nothing() -> None:
    answer = await send(routes(), method="OPTIONS", origin="http://example.com", authorization="")
    assert answer.status == 403
    assert not any(name.lower().startswith("access-control") for name, _ in answer.headers)


async def test_the_overview_has_what_is_known_here() -> None:
    overview = json.loads((await send(routes(), "/console/api/overview")).body)
    assert overview["version"] == "1"
    assert overview["processes"] == [{"process": "hub"}]
    assert overview["console_at_ms"] > 1_700_000_000_000
    assert "4009" in overview["explains"]


async def test_several_questions_at_once() -> None:
    asked = Asked()
    body = b'{"questions":[{"ask":"figures","body":{"after":{}}},{"ask":"unknown"},{"ask":"overview","body":{}}]}'
    answer = await send(routes(asked=asked), "/console/api/several", body=body)
    answers = json.loads(answer.body)["answers"]
    assert [each["status"] for each in answers] == [200, 404, 200]
    assert answers[0]["body"] == {"version": "1"}
    assert answers[2]["body"]["processes"] == [{"process": "hub"}]
    assert asked.questions == [("figures", b'{"after":{}}'), ("unknown", b"{}"), ("overview", b"{}")]
    assert (await send(routes(), "/console/api/several", body=body, authorization="")).status == 401


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"questions":{}}',
        b'{"questions":[{"body":{}}]}',
        b'{"questions":[%b]}' % b",".join([b'{"ask":"figures"}'] * (MAX_SEVERAL + 1)),
    ],
)
async def test_several_that_are_none(body: bytes) -> None:
    asked = Asked()
    assert (await send(routes(asked=asked), "/console/api/several", body=body)).status == 400
    assert asked.questions == []


async def test_the_pages_need_no_token() -> None:
    there = routes()
    page = await send(there, "/console/", "GET", authorization="")
    assert (page.status, page.content_type) == (200, "text/html; charset=utf-8")
    for path in ("/", "/console"):
        to_page = await send(there, path, "GET", authorization="")
        assert (to_page.status, to_page.headers) == (302, (("Location", "/console/"),))
    assert (await send(there, "/console/none.mjs", "GET")).status == 404
    assert (await send(there, "/console/", "POST")).status == 405
    assert not there.has("/metrics")
    assert not there.has("/consoles")


async def test_questions_that_wait_leave_room_for_others() -> None:
    go_on = asyncio.Event()

    async def ask(name: str, body: bytes) -> tuple[int, bytes]:
        await go_on.wait()
        return 200, b"{}"

    there = ConsoleRoutes(AdminAccess("geheim"), ask, lambda: b"{}")
    waiting = [asyncio.ensure_future(send(there)) for _ in range(MAX_ASKED)]
    gone = waiting.pop()
    await asyncio.sleep(0)
    refused = await send(there)
    assert (refused.status, b"are not answered yet" in refused.body) == (503, True)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    waiting.append(asyncio.ensure_future(send(there)))  # it has the place of the one that has gone
    go_on.set()
    assert [answer.status for answer in await asyncio.gather(*waiting)] == [200] * MAX_ASKED
    assert MAX_ASKED < MAX_CONNECTIONS
