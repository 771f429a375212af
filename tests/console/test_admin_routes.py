"""What the admin listener answers, and to whom."""

from __future__ import annotations

import asyncio

import pytest

from revurb.console.admin_routes import KEPT_S, ROUTES, AdminRoutes
from revurb.observe.exposition import MetricNames
from revurb.observe.figures import Figures
from revurb.wire.http import Request
from revurb.wire.response import Response


class Source:
    """A server that counts how often it is asked."""

    reason: str | None = None
    asked = 0

    def figures(self) -> Figures:
        self.asked += 1
        figures = Figures()
        figures.put("ready", self.asked)
        return figures

    def unready(self) -> str | None:
        return self.reason

    def status_json(self) -> bytes:
        return b'{"state":"ready"}'

    async def ask_console(self, name: str, body: bytes) -> tuple[int, bytes]:
        return 404, b"{}"


def routes(token: str | None = None, source: Source | None = None) -> AdminRoutes:
    return AdminRoutes(source or Source(), token=token, names=MetricNames())


async def ask(routes: AdminRoutes, path: str, method: str = "GET", **headers: str) -> Response:
    headers = {"host": "127.0.0.1:9", **headers}
    return await routes.answer(Request(method, path, "", headers, b"", "1.1", True, False))


async def test_the_routes() -> None:
    there = routes()
    assert (await ask(there, "/live")).status == 200
    assert (await ask(there, "/ready")).body == b"ready\n"
    assert (await ask(there, "/status")).body == b'{"state":"ready"}\n'
    metrics = await ask(there, "/metrics")
    assert metrics.body.endswith(b"\nrevurb_ready 1.0\n")
    assert metrics.content_type == "text/plain; version=0.0.4; charset=utf-8"
    for path in ("/metrics/", "/metric", "/app/key", "//metrics"):
        assert (await ask(there, path)).status == 404
    for path in ROUTES:
        assert (await ask(there, path, "HEAD")).status == 200
        refused = await ask(there, path, "POST")
        assert (refused.status, refused.headers) == (405, (("Allow", "GET, HEAD"),))


async def test_a_server_that_is_not_ready_says_why() -> None:
    source = Source()
    source.reason = "draining"
    answer = await ask(routes(source=source), "/ready")
    assert (answer.status, answer.body) == (503, b"draining\n")
    assert (await ask(routes(source=source), "/live")).status == 200


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Bearer geheim!", "bearer Geheim", "Basic geheim", "geheim", "Bearer \xff"],
)
async def test_with_a_token_it_has_to_be_sent(authorization: str) -> None:
    there = routes("geheim")
    headers = {"authorization": authorization} if authorization else {}
    for path in ("/metrics", "/status"):
        answer = await ask(there, path, **headers)
        assert answer.status == 401
        assert answer.headers == (("WWW-Authenticate", 'Bearer realm="revurb"'),)
        assert b"geheim" not in answer.body
    for path in ("/ready", "/live"):
        assert (await ask(there, path, **headers)).status == 200


async def test_with_the_token_it_is_told_under_any_name() -> None:
    there = routes("geheim")
    for authorization in ("Bearer geheim", "bearer  geheim "):
        answer = await ask(there, "/metrics", host="metrics.example.com", authorization=authorization)
        assert answer.status == 200


@pytest.mark.parametrize(
    ("host", "is_answered"),
    [
        ("localhost", True),
        ("LocalHost:9100", True),
        ("127.0.0.1", True),
        ("127.0.0.1:9100", True),
        ("[::1]:9100", True),
        ("[::1]", True),
        ("", True),
        ("example.com", False),
        ("example.com:9100", False),
        ("127.0.0.1.example.com", False),
        ("localhost.example.com:9100", False),
        ("[example.com]:1", False),
    ],
)
async def test_without_a_token_pages_of_other_names_get_nothing(host: str, is_answered: bool) -> None:
    """DNS rebinding: a page of example.com, whose name leads to 127.0.0.1 by then."""
    for path in ("/metrics", "/status"):
        assert ((await ask(routes(), path, host=host)).status == 200) == is_answered
    assert (await ask(routes(), "/ready", host=host)).status == 200


async def test_the_text_is_made_once_for_all_who_ask() -> None:
    source = Source()
    there = routes(source=source)
    answers = await asyncio.gather(*(ask(there, "/metrics") for _ in range(50)))
    assert source.asked == 1
    assert {answer.body for answer in answers} == {answers[0].body}
    await ask(there, "/metrics")  # it is made by now, and not old yet
    assert source.asked == 1
    there._made_at -= KEPT_S
    await ask(there, "/metrics")
    assert source.asked == 2


async def test_one_who_goes_away_takes_it_from_nobody() -> None:
    there = routes()
    first = asyncio.ensure_future(ask(there, "/metrics"))
    second = asyncio.ensure_future(ask(there, "/metrics"))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).status == 200


async def test_a_source_that_fails_once_is_asked_again() -> None:
    class Failing(Source):
        def figures(self) -> Figures:
            if not self.asked:
                self.asked += 1
                raise RuntimeError("no figures")
            return super().figures()

    there = routes(source=Failing())
    with pytest.raises(RuntimeError):
        await ask(there, "/metrics")
    assert (await ask(there, "/metrics")).status == 200
