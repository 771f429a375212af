"""Check of the targets of webhooks: whether each is found, may be sent to, is trusted and answers.

Each gets a signed request with an empty list of events, which Pusher never sends and no receiver can act on.
"""

from __future__ import annotations

import asyncio

from revurb.apps import App, WebhookTarget
from revurb.config import Config
from revurb.doctor.finding import Finding
from revurb.webhooks.retry_policy import Verdict

MAX_AT_ONCE = 20


async def check_webhook_targets(config: Config) -> list[Finding]:
    """One finding for each target of the configured apps."""
    targets = [(app, target) for app in config.apps for target in app.webhooks]
    if not targets or config.looks_up_apps:
        return []
    turns = asyncio.Semaphore(MAX_AT_ONCE)

    async def check(app: App, target: WebhookTarget) -> Finding:
        async with turns:
            return await check_target(app, target, allow_private=config.webhooks.allow_private)

    return await asyncio.gather(*(check(app, target) for app, target in targets))


async def check_target(app: App, target: WebhookTarget, *, allow_private: bool) -> Finding:
    """Without an answer it is wrong; another one than 2xx is a warning, as the request was an unusual one."""
    from revurb.webhooks.probe import probe  # with the HTTP client

    outcome, took_s = await probe(app, target, [], allow_private=allow_private)
    subject = f"webhook of app {app.id}"
    observation = f"{target.shown_url}: {outcome.reason}"
    if outcome.status == 0:
        return Finding(
            "wrong", subject, observation, "Its events are given up after five minutes: docs/webhooks.md."
        )
    observation += f" from {outcome.address} after {took_s * 1000:.0f} ms"
    if outcome.verdict is Verdict.DELIVERED:
        return Finding("ok", subject, observation)
    return Finding(
        "warning", subject, observation, "That was an empty list of events; revurb webhooks test sends one."
    )
