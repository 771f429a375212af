"""What `revurb doctor` says of the targets of webhooks."""

from __future__ import annotations

import socket
from pathlib import Path

from revurb.config import Config, WebhooksConfig
from revurb.doctor.webhook_targets import check_webhook_targets
from tests.conftest import Run
from tests.doctor.command import revurb
from tests.webhooks.receiver import app_with, receiving

ALLOWED = WebhooksConfig(allow_private=True)


async def test_a_target_that_answers_gets_no_event() -> None:
    async with receiving() as good, receiving() as picky:
        picky.answer = 422
        app = app_with(f"{good.url}?token=hush", picky.url)
        ok, warning = await check_webhook_targets(Config(apps=(app,), webhooks=ALLOWED))
    assert [request.events for request in good.requests] == [[]]
    assert (ok.mark, ok.subject) == ("ok", "webhook of app 1")
    assert ok.observation.startswith(f"{good.url}?...: answered 200 from 127.0.0.1 after ")
    assert warning.mark == "warning"
    assert "answered 422 from 127.0.0.1" in warning.observation
    assert "revurb webhooks test" in warning.advice


async def test_a_target_that_cannot_be_reached_or_may_not_be_is_wrong() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        app = app_with(f"http://localhost:{sock.getsockname()[1]}/")
        (unreachable,) = await check_webhook_targets(Config(apps=(app,), webhooks=ALLOWED))
        (refused,) = await check_webhook_targets(Config(apps=(app,)))
    assert (unreachable.mark, unreachable.observation.partition(": ")[2]) == ("wrong", "connection refused")
    assert refused.mark == "wrong"
    assert "refused: localhost is at " in refused.observation


async def test_without_targets_there_is_nothing_to_say() -> None:
    assert await check_webhook_targets(Config(apps=(app_with(),))) == []


def test_the_command_says_it(tmp_path: Path, run: Run) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{sock.getsockname()[1]}/hook"
        environment = {"REVURB_APP_WEBHOOK_URL": url, "REVURB_WEBHOOKS_ALLOW_PRIVATE": "true"}
        code, output, _ = revurb(tmp_path, environment, "doctor")
    assert code == 1
    assert f"{url}: connection refused" in output
