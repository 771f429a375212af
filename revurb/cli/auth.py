"""`revurb auth`: signs a channel or a user by hand, and prints what an application's endpoint would answer."""

from __future__ import annotations

import json
from pathlib import Path

import click

from revurb.cli.endings import UnusableCommandLine
from revurb.cli.examples import examples
from revurb.cli.given_text import secret_of_file
from revurb.cli.json_argument import json_argument
from revurb.cli.options import config_options, load_or_exit
from revurb.cli.target import choose_app
from revurb.observe.printable import escape_json


@click.command(epilog=examples("auth"))
@click.argument("socket_id", metavar="SOCKET_ID")
@click.argument("channel", required=False)
@click.option("--app", "app_id", metavar="ID", help="App to sign for, if there are several.")
@click.option(
    "--user-id", metavar="ID", help="Member of a presence channel; without CHANNEL, the user to sign in."
)
@click.option("--user-info", metavar="JSON", help="What others are told about that user.")
@click.option(
    "--watch", metavar="ID,...", help="Users whose coming and going the user that signs in is told."
)
@click.option(
    "--master-key-file",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="PATH",
    help="File with the encryption_master_key_base64 of your server SDK, for an encrypted channel; - is stdin.",
)
@config_options
def auth(
    socket_id: str,
    channel: str | None,
    app_id: str | None,
    user_id: str | None,
    user_info: str | None,
    watch: str | None,
    master_key_file: Path | None,
    config: Path | None,
    env_file: Path | None,
) -> None:
    """Sign a channel or a user for a client, as an application would.

    Prints the JSON that a client's library gets from the endpoint of the application: for a private, presence or
    encrypted CHANNEL, or without one for the sign-in of a user. SOCKET_ID is that of the client's connection, such as
    123.456.
    """
    user = _user(user_id, user_info, watch)
    if channel is None and user is None:
        raise UnusableCommandLine("neither a CHANNEL to sign nor a --user-id to sign in is given")
    if channel is not None and watch is not None:
        raise UnusableCommandLine("--watch is of the sign-in of a user: leave CHANNEL away")
    if channel is not None and user is not None and not channel.startswith("presence-"):
        raise UnusableCommandLine(
            f"--user-id: found it with {channel!r}; allowed: with presence- channels, or without CHANNEL"
        )
    if channel is not None and channel.startswith("presence-") and user is None:
        raise UnusableCommandLine(f"{channel} needs a --user-id: who is the member")
    master_key = _master_key(channel, master_key_file)
    app = choose_app(load_or_exit(config=config, env_file=env_file), app_id)
    from revurb.pusher_client.authorizers import AppAuth

    try:
        signer = AppAuth(app, user=user, encryption_master_key_base64=master_key)
        answer = signer.sign_in(socket_id) if channel is None else signer(socket_id, channel)
    except ValueError as error:
        text = str(error).replace("AppAuth.encryption_master_key_base64", "--master-key-file")
        raise UnusableCommandLine(text) from None
    click.echo(escape_json(json.dumps(answer, ensure_ascii=False)))


def _user(user_id: str | None, user_info: str | None, watch: str | None) -> dict[str, object] | None:
    if user_id is None:
        if user_info is not None or watch is not None:
            raise UnusableCommandLine(
                f"{'--watch' if user_info is None else '--user-info'} needs a --user-id"
            )
        return None
    user: dict[str, object] = {"id": user_id}
    if user_info is not None:
        user["user_info"] = json_argument("--user-info", user_info)
    if watch is not None:
        user["watchlist"] = [part for part in (part.strip() for part in watch.split(",")) if part]
    return user


def _master_key(channel: str | None, path: Path | None) -> str | None:
    """The text of the file. Exits with 2 if there is one without an encrypted channel, or the other way round, or if it
    cannot be read."""
    is_encrypted = channel is not None and channel.startswith("private-encrypted-")
    if is_encrypted and path is None:
        raise UnusableCommandLine(
            f"{channel} is encrypted: name the file of its master key with --master-key-file"
        )
    if path is None:
        return None
    if not is_encrypted:
        raise UnusableCommandLine("--master-key-file is for channels that begin with private-encrypted-")
    return secret_of_file("--master-key-file", path, "32 bytes in base64")
