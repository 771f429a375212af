"""The `revurb` command: imports only the module of the verb that is called.

So `revurb trigger` in a script, or `revurb --version`, does not import the server.
"""

from __future__ import annotations

import importlib
import io
import logging
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn, cast

import click

from revurb.cli.endings import (
    UNWRITABLE,
    end_with_fault,
    end_with_line,
    end_without_output,
    on_one_line,
    shows_help,
)
from revurb.cli.examples import examples
from revurb.cli.exit_codes import INTERRUPTED, OK, exit_code_lines
from revurb.version import __version__

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# verb: (its command, its line in `revurb --help`)
VERBS = {
    "init": ("revurb.cli.init:init", "Write a revurb.toml with a new app, its key and its secret."),
    "serve": ("revurb.cli.serve:serve", "Run a server until it is told to stop (also: start)."),
    "status": ("revurb.cli.status:status", "Show the servers that run here."),
    "top": ("revurb.cli.top:top", "Show the load of a server, process by process, as it changes."),
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
    "auth": ("revurb.cli.auth:auth", "Sign a channel or a user for a client, as an application would."),
    "bench": ("revurb.cli.bench:bench", "Measure a server, and say when the generator was the limit."),
    "completion": ("revurb.cli.completion:completion", "Have the Tab key of a shell complete revurb."),
    "webhooks": ("revurb.cli.webhooks:webhooks", "Send an example to the targets of webhooks."),
}
ALIASES = {"start": "serve"}  # Reverb's verb is reverb:start


class LazyGroup(click.Group):
    """A group that imports a command when it is called, and ends each error with one line and its exit code."""

    is_serving = False

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        ends = standalone_mode  # otherwise errors are for whoever called it
        standalone_mode = False
        if not ends:
            return super().main(args, prog_name, complete_var, standalone_mode, **extra)
        self.is_serving = False
        try:
            code = super().main(args, prog_name, complete_var, standalone_mode, **extra)
        except click.UsageError as error:
            if not shows_help(error):
                end_with_line(on_one_line(error))
            error.show()
            sys.exit(error.exit_code)
        except click.ClickException as error:
            end_with_line(error)
        except click.Abort:  # Ctrl-C
            sys.exit(INTERRUPTED)
        except Exception as error:
            if isinstance(error, OSError) and error.filename is None and error.errno in UNWRITABLE:
                end_without_output(error)
            if self.is_serving:  # what is wrong with a server takes more than a line
                raise
            end_with_fault(error)
        sys.exit(code if isinstance(code, int) else OK)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        verb = VERBS.get(ALIASES.get(cmd_name, cmd_name))
        if verb is None:
            return None
        module, _, name = verb[0].partition(":")
        if name == "serve":  # before all else, since importing it takes a third of a second
            from revurb.processes.start_signals import obey_while_starting

            self.is_serving = True
            obey_while_starting()
        return cast(click.Command, getattr(importlib.import_module(module), name))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """As click does it, but that no verb is imported to be named."""
        from click.shell_completion import CompletionItem

        verbs = [
            CompletionItem(verb, help=doc) for verb, (_, doc) in VERBS.items() if verb.startswith(incomplete)
        ]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]

    def invoke(self, ctx: click.Context) -> object:
        """Runs the command. Its output and its error may have texts from anywhere: from the network, from a file."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # characters that the terminal's encoding lacks
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            if isinstance(error, click.UsageError) and not shows_help(error):
                error = on_one_line(error)
            if ctx.invoked_subcommand in ("serve", *ALIASES) and _wants_json():
                _end_with_json(error)
            raise error from None

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


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"{examples('')}\n\n{exit_code_lines()}",
)
@click.version_option(__version__, "-V", "--version", prog_name="revurb")
def main() -> None:
    """A self-hosted Pusher server, drop-in for a Laravel Reverb node."""
