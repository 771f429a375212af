"""`revurb webhooks`: sends an example of an event to the targets of webhooks, and prints what came back."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from revurb.cli.endings import UnusableCommandLine
from revurb.cli.examples import examples
from revurb.cli.options import config_options, load_or_exit
from revurb.cli.progress import waiting
from revurb.cli.target import choose_app
from revurb.config import App, Config, WebhookTarget
from revurb.config.webhook_options import EVENTS
from revurb.observe.printable import escape_json, escape_unprintable
from revurb.webhooks.retry_policy import Verdict
from revurb.webhooks.sender import MISSING_CLIENT, has_http_client

MAX_BODY_CHARS = 200


@click.group(epilog=examples("webhooks"))
def webhooks() -> None:
    """Try the webhooks of the configured apps."""


@webhooks.command(epilog=examples("webhooks test"))
@click.option("--app", "app_id", metavar="ID", help="App whose targets are tried, instead of all.")
@click.option("--url", help="URL to send to: of all targets only this, or one that is not configured.")
@click.option("--event", metavar="NAME", help="Event to send, by default the first that the target wants.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print an object for each target, on a line of its own."
)
@config_options
def test(
    app_id: str | None,
    url: str | None,
    event: str | None,
    as_json: bool,
    config: Path | None,
    env_file: Path | None,
) -> None:
    """Send one signed request to each target, and print what came back.

    The event is on the channel revurb-webhooks-test. Exits with 1 unless every target answered with 2xx.
    """
    if event is not None and event not in EVENTS:
        raise UnusableCommandLine(f"--event: found {event!r}; allowed: {', '.join(EVENTS)}")
    if not has_http_client():
        raise click.ClickException(MISSING_CLIENT)
    loaded = load_or_exit(config=config, env_file=env_file)
    chosen = _targets(loaded, app_id, url)
    if not asyncio.run(_try_all(chosen, event, as_json, loaded.webhooks.allow_private)):
        sys.exit(1)


def _targets(config: Config, app_id: str | None, url: str | None) -> list[tuple[App, WebhookTarget]]:
    """What to send to. Raises click.ClickException if there is nothing."""
    is_one_app = app_id is not None or url is not None or config.looks_up_apps
    apps = [choose_app(config, app_id)] if is_one_app else config.apps
    found = [(app, target) for app in apps for target in app.webhooks]
    if url is not None:
        configured = [(app, target) for app, target in found if target.url == url]
        try:
            return configured or [(apps[0], WebhookTarget(url=url))]
        except ValueError as error:
            raise UnusableCommandLine(f"--url: {str(error).partition(': ')[2]}") from None
    if not found:
        ids = ", ".join(app.id for app in apps)
        raise UnusableCommandLine(
            f"no webhooks are configured for app {ids}; give one with --url, REVURB_APP_WEBHOOK_URL or "
            "[[apps.webhooks]] in revurb.toml"
        )
    return found


async def _try_all(
    chosen: Sequence[tuple[App, WebhookTarget]], event: str | None, as_json: bool, allow_private: bool
) -> bool:
    """Tries one after the other, and prints. Whether all were delivered."""
    from revurb.webhooks.probe import example_event, probe  # with the HTTP client

    are_delivered = True
    for app, target in chosen:
        kind = event or (target.events or EVENTS)[0]
        example = example_event(app, kind, int(time.time() * 1000))
        with waiting(f"{kind} to {target.shown_url}"):
            outcome, took_s = await probe(app, target, [example], allow_private=allow_private)
        is_delivered = outcome.verdict is Verdict.DELIVERED
        are_delivered = are_delivered and is_delivered
        body = outcome.body.decode("utf-8", "replace")
        if as_json:
            row = {
                "app": app.id, "event": kind, "url": target.shown_url, "is_delivered": is_delivered,
                "outcome": outcome.reason, "address": outcome.address, "took_ms": round(took_s * 1000),
                "body": body[:MAX_BODY_CHARS],
            }  # fmt: skip
            click.echo(escape_json(json.dumps(row, ensure_ascii=False)))
            continue
        came_from = f" from {outcome.address}" if outcome.address else ""
        line = f"app {app.id}, {kind} to {target.shown_url}: {outcome.reason}{came_from} after {took_s * 1000:.0f} ms"
        click.echo(escape_unprintable(line))
        if body:
            click.echo(
                f"  {escape_unprintable(body[:MAX_BODY_CHARS])}{'...' if len(body) > MAX_BODY_CHARS else ''}"
            )
    return are_delivered
