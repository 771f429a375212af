"""`revurb listen`: prints the events of channels as they arrive."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from revurb.cli.advice import with_advice
from revurb.cli.endings import UnusableCommandLine
from revurb.cli.examples import examples
from revurb.cli.json_argument import json_argument
from revurb.cli.options import config_options, load_or_exit
from revurb.cli.subscription import ReceivedEvent, Subscriber, SubscriberError
from revurb.cli.target import address_of, choose_app
from revurb.observe.printable import escape_json, escape_unprintable


@click.command(epilog=examples("listen"))
@click.argument("channels", metavar="CHANNEL...", nargs=-1, required=True)
@click.option("--app", "app_id", metavar="ID", help="App to listen to, if there are several.")
@click.option("--url", help="Node to listen to, instead of the configured one on this host.")
@click.option("--user-id", metavar="ID", help="Who to be on presence channels.")
@click.option("--user-info", metavar="JSON", help="What the other members are told about that user.")
@click.option("--json", "as_json", is_flag=True, help="Print an object for each event, on a line of its own.")
@config_options
def listen(
    channels: tuple[str, ...],
    app_id: str | None,
    url: str | None,
    user_id: str | None,
    user_info: str | None,
    as_json: bool,
    config: Path | None,
    env_file: Path | None,
) -> None:
    """Print the events of channels, as a client would see them.

    One line for each event: time, channel, event, data. Private and presence channels are signed with the
    app's secret; for '#server-to-user-7' it signs in as the user 7. Connects again when the server goes; Ctrl-C ends.
    """
    channel_data = _channel_data(channels, user_id, user_info)
    loaded = load_or_exit(config=config, env_file=env_file)
    out, notices = Console(highlight=False), Console(stderr=True, highlight=False)

    def on_event(event: ReceivedEvent) -> None:
        if as_json:
            click.echo(event_json(event, time.time()))
            return
        out.print(event_line(event, time.strftime("%H:%M:%S")), soft_wrap=True)

    def on_notice(text: str) -> None:
        notices.print(Text(f"{time.strftime('%H:%M:%S')} {escape_unprintable(text)}", "dim"), soft_wrap=True)

    subscriber = Subscriber(
        address_of(loaded, url), choose_app(loaded, app_id), channels, channel_data, on_event, on_notice
    )
    try:
        asyncio.run(subscriber.run())
    except SubscriberError as error:
        raise click.ClickException(with_advice(str(error))) from error
    except KeyboardInterrupt:
        pass  # Ctrl-C ends the command


def _channel_data(channels: tuple[str, ...], user_id: str | None, user_info: str | None) -> str | None:
    """The JSON of the member for presence channels; None without a user id. Raises UnusableCommandLine."""
    if user_id is None:
        presence = [channel for channel in channels if channel.startswith("presence-")]
        if presence or user_info is not None:
            raise UnusableCommandLine(f"{presence[0] if presence else '--user-info'} needs a --user-id")
        return None
    data: dict[str, object] = {"user_id": user_id}
    if user_info is not None:
        data["user_info"] = json_argument("--user-info", user_info)
    return json.dumps(data)


def event_json(event: ReceivedEvent, at_s: float) -> str:
    """The event as JSON on one line. Its data is a text, as it came, or a value."""
    row = {"at_ms": round(at_s * 1000), "channel": event.channel, "event": event.name, "data": event.data}
    return escape_json(json.dumps(row, ensure_ascii=False))


def event_line(event: ReceivedEvent, at: str) -> Text:
    """The line for an event, such as 12:30:01 orders created {"id":7}, styled for a terminal."""
    data = event.data if isinstance(event.data, str) else json.dumps(event.data, ensure_ascii=False)
    return Text(" ").join(
        [
            Text(at, "dim"),
            Text(escape_unprintable(event.channel or "-"), "cyan"),
            Text(escape_unprintable(event.name), "bold"),
            Text(escape_unprintable(data)),
        ]
    )
