"""`revurb trigger`: publishes an event over the HTTP API, as an application does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from revurb.cli.advice import with_advice
from revurb.cli.client import RequestError, send_request
from revurb.cli.endings import UnusableCommandLine
from revurb.cli.examples import examples
from revurb.cli.given_text import stdin_text
from revurb.cli.options import config_options, load_or_exit
from revurb.cli.target import address_of, choose_app
from revurb.observe.printable import escape_json, escape_unprintable


@click.command(epilog=examples("trigger"))
@click.argument("channels", metavar="CHANNEL[,CHANNEL...]")
@click.argument("event")
@click.argument("data", default="{}")
@click.option("--app", "app_id", metavar="ID", help="App to send as, if there are several.")
@click.option("--url", help="Node to send to, instead of the configured one on this host.")
@click.option("--socket-id", metavar="ID", help="Connection that does not get the event.")
@click.option("--json", "as_json", is_flag=True, help="Print an object of the channels and who is on them.")
@config_options
def trigger(
    channels: str,
    event: str,
    data: str,
    app_id: str | None,
    url: str | None,
    socket_id: str | None,
    as_json: bool,
    config: Path | None,
    env_file: Path | None,
) -> None:
    """Send an event to channels, as an application would.

    DATA is sent as it is written, usually JSON, by default {}; - reads it from standard input. Prints a line for each
    channel, with the number of its subscribers, or of its users for a presence channel.
    """
    loaded = load_or_exit(config=config, env_file=env_file)
    app, address = choose_app(loaded, app_id), address_of(loaded, url)
    names = [name.strip() for name in channels.split(",") if name.strip()]
    if not names:
        raise UnusableCommandLine("CHANNEL: found no name; allowed: names separated by commas")
    body = {
        "name": event,
        "channels": names,
        "data": stdin_text("DATA") if data == "-" else data,
        "info": "subscription_count,user_count",
    }
    if socket_id is not None:
        body["socket_id"] = socket_id
    try:
        response = send_request(address, app, "POST", f"/apps/{app.id}/events", json.dumps(body).encode())
    except RequestError as error:
        raise click.ClickException(with_advice(str(error))) from error
    if response.status != 200:
        text = escape_unprintable(response.text.strip())
        raise click.ClickException(with_advice(f"the server answered {response.status}: {text}"))
    if as_json:
        click.echo(
            escape_json(
                json.dumps({name: _infos(response.text).get(name, {}) for name in names}, ensure_ascii=False)
            )
        )
        return
    counts = _counts(response.text)
    for name in dict.fromkeys(names):
        click.echo(escape_unprintable(f"Sent {event} to {name}{counts.get(name, '')}"))


def _infos(text: str) -> dict[str, Any]:
    """What the response says of each channel. A server that does not count says nothing."""
    try:
        return dict(json.loads(text)["channels"])
    except (ValueError, KeyError, TypeError):
        return {}


def _counts(text: str) -> dict[str, str]:
    """The same in words, such as ", which has 2 subscribers"."""
    return {name: _count(info) for name, info in _infos(text).items() if isinstance(info, dict)}


def _count(info: dict[str, object]) -> str:
    for key, one, many in (
        ("subscription_count", "subscriber", "subscribers"),
        ("user_count", "user", "users"),
    ):
        if isinstance(count := info.get(key), int) and count:
            return f", which has {count} {one if count == 1 else many}"
    return ", which has no subscribers"
