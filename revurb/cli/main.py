"""The `revurb` command: imports only the module of the verb that is called.

So `revurb trigger` in a script, or `revurb --version`, does not import the server.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import io
import logging
import os
import sys
from typing import Any, NoReturn, cast

import click

from revurb.cli.examples import examples
from revurb.observe.printable import escape_lines
from revurb.version import __version__

# verb: (its command, its line in `revurb --help`)
VERBS = {
    "serve": ("revurb.cli.serve:serve", "Run a server until it is told to stop (also: start)."),
    "status": ("revurb.cli.status:status", "Show the servers that run here."),
    "health": ("revurb.cli.health:health", "Ask a server whether it takes new clients."),
    "restart": (
        "revurb.cli.restart:restart",
        "Replace the workers of a server, and refuse nobody meanwhile.",
    ),
    "reload": ("revurb.cli.reload:reload", "Read the TLS certificate of a server again."),
    "drain": (
        "revurb.cli.out_of_service:drain",
        "Take the server that runs here out of service, or bring it back.",
    ),
    "log-level": ("revurb.cli.log_level:log_level", "Change what a server logs, while it runs."),
    "stop": ("revurb.cli.stop:stop", "Stop the server that runs here."),
    "doctor": (
        "revurb.cli.doctor:doctor",
        "Check the settings, this host and Redis; find the other nodes.",
    ),
    "apps": ("revurb.cli.apps:apps", "List, add and change apps; have servers read them again."),
    "config": ("revurb.cli.config:config", "Show, check or describe the configuration."),
    "import": ("revurb.cli.importing:import_config", "Make a revurb.toml of Laravel's config/reverb.php."),
    "trigger": ("revurb.cli.trigger:trigger", "Send an event to channels, as an application would."),
    "listen": ("revurb.cli.listen:listen", "Print the events of channels, as a client would see them."),
    "webhooks": ("revurb.cli.webhooks:webhooks", "Send an example to the targets of webhooks."),
}
# Of standard output: on a disk that is full, over a limit (`ulimit -f`), a terminal that is gone, not open for writing.
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
ALIASES = {"start": "serve"}  # Reverb's verb is reverb:start


class LazyGroup(click.Group):
    """A group that imports a command when it is called."""

    def main(self, *args: Any, **extra: Any) -> Any:
        try:
            return super().main(*args, **extra)
        except OSError as error:
            if error.filename is None and error.errno in UNWRITABLE:
                _end_without_output(error)
            raise

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        verb = VERBS.get(ALIASES.get(cmd_name, cmd_name))
        if verb is None:
            return None
        module, _, name = verb[0].partition(":")
        if name == "serve":  # before all else, since importing it takes a third of a second
            from revurb.processes.start_signals import obey_while_starting

            obey_while_starting()
        return cast(click.Command, getattr(importlib.import_module(module), name))

    def invoke(self, ctx: click.Context) -> object:
        """Runs the command. Its output and its error may have texts from anywhere: from the network, from a file."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # characters that the terminal's encoding lacks
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            error.message = escape_lines(error.message)  # type: ignore[misc]  # final for others
            if ctx.invoked_subcommand in ("serve", *ALIASES) and _wants_json():
                _end_with_json(error)
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(verb, doc) for verb, (_, doc) in VERBS.items()])


def _wants_json() -> bool:
    """Whether the log of a server is to be JSON, as far as that is known where its flags cannot be read."""
    arguments = " ".join(sys.argv[1:]).replace("--log-format=", "--log-format ")
    return (
        "--log-format json" in arguments or os.environ.get("REVURB_LOG_FORMAT", "").strip().lower() == "json"
    )


def _end_with_json(error: click.ClickException) -> NoReturn:
    from revurb.observe.logs import configure_logging

    configure_logging("json", "info")
    logging.getLogger(__name__).error("the command cannot be run", extra={"problem": error.format_message()})
    sys.exit(error.exit_code)


def _end_without_output(error: OSError) -> NoReturn:
    """End where standard output is on a disk that is full, for example: with one line, and 1."""
    click.echo(f"Error: standard output cannot be written: {error.strerror}", err=True)
    with contextlib.suppress(OSError):  # what is still in the buffer, at the exit, would fail again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, epilog=examples(""))
@click.version_option(__version__, "-V", "--version", prog_name="revurb")
def main() -> None:
    """A self-hosted Pusher server, drop-in for a Laravel Reverb node."""
