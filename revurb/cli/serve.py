"""`revurb serve`: its command line. What it does is `serving.py`; `plain_start.py` does it without click."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from revurb.cli.examples import examples
from revurb.cli.options import config_flags, config_options, flags_by_key
from revurb.cli.serving import start_server


@click.command(epilog=examples("serve"))
@config_options
@config_flags()
@click.option(
    "--dev", is_flag=True, help="Serve a ready-made app on 127.0.0.1 and print lines to copy into clients."
)
def serve(dev: bool, config: Path | None, env_file: Path | None, **flags: Any) -> None:
    """Run a server until it is told to stop.

    SIGTERM or Ctrl-C: requests in flight are finished, clients are told to reconnect, exit code 0; a second one
    ends at once. SIGHUP: several workers are replaced by new ones, with the configuration and the code of then; one
    process reads its TLS certificate again.
    """
    start_server(flags_by_key(flags), is_dev=dev, config=config, env_file=env_file)
