"""429 beyond an app's budget, and what its answer says."""

from __future__ import annotations

import json

from revurb.api.endpoint import Api
from revurb.apps import App, AppLimits, FixedApps
from revurb.node.shared_rates import SharedRates
from revurb.wire.response import Response
from tests.api.desk import NOW, Desk, a_request, signed_query

LIMITS = AppLimits(max_publishes_per_second=3, max_reads_per_second=2)
APP = App(id="app1", key="key1", secret="secret1", limits=LIMITS)
FREE = App(id="app2", key="key2", secret="secret2")
EVENT = {"name": "e", "channel": "a", "data": "x"}


class Limited:
    """An API whose clock stands still until `now` is moved."""

    def __init__(self) -> None:
        self.now = 0.0
        desk = Desk()
        self.api = Api(
            FixedApps([APP, FREE]), desk.trigger, desk.bus, path="", signature_max_age_s=600,
            max_request_size_bytes=10_000, clock=lambda: NOW, rates=SharedRates(clock=lambda: self.now),
        )  # fmt: skip

    def call(self, method: str, path: str, body: object = None, app: App = APP) -> Response:
        raw = b"" if body is None else json.dumps(body).encode()
        path = f"/apps/{app.id}{path}"
        response = self.api.answer(a_request(method, f"{path}?{signed_query(app, method, path, raw)}", raw))
        assert isinstance(response, Response)
        return response


def test_events_beyond_the_budget() -> None:
    desk = Limited()
    assert [desk.call("POST", "/events", EVENT).status for _ in range(4)] == [200, 200, 200, 429]
    refused = desk.call("POST", "/events", EVENT)
    assert dict(refused.headers) == {
        "Retry-After": "1", "X-RateLimit-Limit": "3", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(NOW + 1),
    }  # fmt: skip
    assert b"REVURB_APP_MAX_PUBLISHES_PER_SECOND" in refused.body
    desk.now = 0.34
    assert [desk.call("POST", "/events", EVENT).status for _ in range(2)] == [200, 429]


def test_each_event_of_a_batch_counts_and_none_is_sent_of_one_too_many() -> None:
    desk = Limited()
    assert desk.call("POST", "/batch_events", {"batch": [EVENT] * 2}).status == 200
    assert desk.call("POST", "/batch_events", {"batch": [EVENT] * 2}).status == 429
    assert desk.call("POST", "/events", EVENT).status == 200


def test_reads_have_a_budget_of_their_own() -> None:
    desk = Limited()
    reads = [desk.call("GET", path).status for path in ("/channels", "/channels/a", "/connections")]
    assert reads == [200, 200, 429]
    assert b"REVURB_APP_MAX_READS_PER_SECOND" in desk.call("GET", "/channels").body
    assert desk.call("POST", "/events", EVENT).status == 200


def test_other_apps_have_none() -> None:
    desk = Limited()
    assert {desk.call("POST", "/events", EVENT, FREE).status for _ in range(100)} == {200}
    assert {desk.call("GET", "/channels", app=FREE).status for _ in range(100)} == {200}


def test_who_has_no_signature_uses_nothing_up() -> None:
    desk = Limited()
    for _ in range(10):
        answer = desk.api.answer(a_request("POST", "/apps/app1/events?auth_signature=x", b"{}"))
        assert isinstance(answer, Response)
        assert answer.status == 401
    assert desk.call("POST", "/events", EVENT).status == 200
