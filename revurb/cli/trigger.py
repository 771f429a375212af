"""`revurb trigger`: publishes an event over the HTTP API, as an application does."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from revurb.cli.client import RequestError, send_request
from revurb.cli.options import config_options, load_or_exit
from revurb.cli.target import address_of, choose_app
from revurb.observe.printable import escape_unprintable


@click.command()
@click.argument("channels", metavar="CHANNEL[,CHANNEL...]")
@click.argument("event")
@click.argument("data")
@click.option("--app", "app_id", metavar="ID", help="App to send as, if there are several.")
@click.option("--url", help="Node to send to, instead of the configured one on this host.")
@click.option("--socket-id", metavar="ID", help="Connection that does not get the event.")
@config_options
def trigger(
    channels: str,
    event: str,
    data: str,
    app_id: str | None,
    url: str | None,
    socket_id: str | None,
    config: Path | None,
    env_file: Path | None,
) -> None:
    """Send an event to channels, as an application would.

    DATA is sent as it is written, usually JSON; - reads it from standard input.
    """
    loaded = load_or_exit(config=config, env_file=env_file)
    app, address = choose_app(loaded, app_id), address_of(loaded, url)
    names = [name.strip() for name in channels.split(",") if name.strip()]
    if not names:
        raise click.ClickException("CHANNEL: found no name; allowed: names separated by commas")
    body = {"name": event, "channels": names, "data": sys.stdin.read() if data == "-" else data}
    if socket_id is not None:
        body["socket_id"] = socket_id
    try:
        response = send_request(address, app, "POST", f"/apps/{app.id}/events", json.dumps(body).encode())
    except RequestError as error:
        raise click.ClickException(str(error)) from error
    text = escape_unprintable(response.text.strip())
    if response.status != 200:
        raise click.ClickException(f"the server answered {response.status}: {text}")
    click.echo(text)
