"""`revurb health`: asks the server of this host whether it is well, for Docker's HEALTHCHECK and for scripts."""

from __future__ import annotations

import dataclasses
import json
import os
import ssl
import sys
from pathlib import Path
from typing import Any

import click

from revurb.cli.client import ApiResponse, RequestError, send_unsigned
from revurb.cli.examples import examples
from revurb.cli.options import MAX_SECONDS, FiniteRange, config_options, find_dev_environment
from revurb.cli.problems import exit_with_problems
from revurb.cli.target import NodeAddress, address_of
from revurb.config import Config, ConfigError, PartialConfigError, TlsConfig, load
from revurb.observe.printable import escape_json, escape_unprintable

TIMEOUT_S = 5.0
# The health of a server with other apps than the configured ones, as `serve --dev` has, can be asked as well.
ANY_APP = {"REVERB_APP_ID": "1", "REVERB_APP_KEY": "-", "REVERB_APP_SECRET": "-"}


@click.command(epilog=examples("health"))
@click.option(
    "--url", metavar="URL", help="The server at this URL, instead of the configured one on this host."
)
@click.option("--live", is_flag=True, help="Ask only whether it answers, not whether it takes new clients.")
@click.option(
    "--timeout", type=FiniteRange(0.1, MAX_SECONDS), default=TIMEOUT_S, metavar="SECONDS", show_default=True
)
@click.option("--host", metavar="TEXT", help="The address that it listens on.")
@click.option("--port", metavar="N", help="The port that it listens on.")
@click.option("--path", metavar="TEXT", help="The prefix of its routes.")
@click.option("--json", "as_json", is_flag=True, help="Print an object: is_well, and state or reason.")
@config_options
def health(
    url: str | None,
    live: bool,
    timeout: float,
    as_json: bool,
    config: Path | None,
    env_file: Path | None,
    **flags: Any,
) -> None:
    """Ask a server whether it takes new clients.

    Prints a line. Exits with 0 if it does, also while it is cut off from Redis or from other workers, and with 1 if it
    does not, or does not answer.

    In a Dockerfile: HEALTHCHECK CMD ["revurb", "health"]
    """
    address = _address(_load(config, env_file, flags), url)
    try:
        state, degraded = _state(address, live, url is not None, timeout)
    except _NotWell as error:
        if as_json:
            _print_json({"is_well": False, "reason": str(error)})
        else:
            click.echo(escape_unprintable(str(error)), err=True)
        sys.exit(1)
    if as_json:
        _print_json({"is_well": True, "state": state, "degraded": degraded})
    else:
        click.echo(escape_unprintable(f"{state}, but {degraded}" if degraded else state))


def _print_json(row: dict[str, Any]) -> None:
    click.echo(escape_json(json.dumps(row, ensure_ascii=False)))


class _NotWell(Exception):
    """The text is the reason."""


def _state(address: NodeAddress, live: bool, is_named: bool, timeout_s: float) -> tuple[str, str | None]:
    """How the server is, and how far it is not: ("ready", "hub disconnected"). Raises `_NotWell`."""
    path = "/live" if live else "/ready"
    try:
        response = send_unsigned(address, path, timeout_s)
        if (
            address.tls is None and not is_named and _speaks_tls(response)
        ):  # its certificate is given by flags
            address = dataclasses.replace(address, tls=_unchecked())
            response = send_unsigned(address, path, timeout_s)
    except RequestError as error:
        raise _NotWell(str(error)) from error
    if _speaks_tls(response):
        raise _NotWell(f"{address.url('http')} speaks TLS: name it with https://")
    if response.status not in (200, 503):
        raise _NotWell(f"{address.url('http')} answers with status {response.status}, so it is no Revurb")
    try:
        answer = json.loads(response.text)
        reason, degraded = answer.get("reason"), answer.get("degraded")
    except (ValueError, AttributeError):
        raise _NotWell(
            f"{address.url('http')} answers with {response.text[:60]!r}, so it is no Revurb"
        ) from None
    if response.status != 200:
        raise _NotWell(f"not ready: {reason}")
    return ("alive", None) if live else ("ready", degraded)


def _load(config: Path | None, env_file: Path | None, flags: dict[str, Any]) -> Config:
    given = {f"server.{name}": value for name, value in flags.items() if value is not None}
    try:
        return load(flags=given, toml_path=config, env_file=env_file)
    except ConfigError as error:
        environ = {**os.environ, **ANY_APP}
        found = find_dev_environment() if error.no_apps else None
        if found is not None and flags["port"] in (None, found["REVERB_SERVER_PORT"]):
            environ |= found
        try:
            return load(flags=given, toml_path=config, env_file=env_file, environ=environ)
        except PartialConfigError as partial:
            if all(problem.startswith("tls.") for problem in partial.problems):
                return partial.usable  # files that are being renewed
            exit_with_problems(error)
        except ConfigError:
            exit_with_problems(error)


def _address(config: Config, url: str | None) -> NodeAddress:
    """A certificate is not checked on this host, nor its file read, which may be newer than what the server has loaded,
    or half written."""
    address = address_of(dataclasses.replace(config, tls=TlsConfig()), url)
    is_own_tls = url is None and config.tls.cert is not None
    return dataclasses.replace(address, tls=_unchecked()) if is_own_tls else address


def _unchecked() -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    return tls


def _speaks_tls(response: ApiResponse) -> bool:
    """Whether it is what a port with TLS tells a peer without."""
    return response.status == 400 and "This port speaks TLS" in response.text
