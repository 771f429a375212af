"""`revurb serve --workers N`, from where its command line is understood.

Workers are forked from the memory of the supervisor. So the process of the command becomes a fresh interpreter that has
not imported click, `python -m revurb.cli.supervise`: 2.3 MiB less in all.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from revurb.cli.problems import end_start, end_start_with_problems
from revurb.cli.welcome import print_welcome
from revurb.config import App, Config, ConfigError, served_dev_app
from revurb.observe.unblocked_output import protect_output
from revurb.processes.giving_up import GaveUp
from revurb.processes.invocation import Invocation
from revurb.processes.process_title import show_as_command_line
from revurb.processes.start_signals import obey_by_unwinding, obey_held
from revurb.processes.supervised_server import supervise


def main(arguments: Sequence[str]) -> None:
    """Does what the command was told to, which `revurb.cli.becoming` has said in `arguments`."""
    obey_held()
    protect_output()
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--dev", action="store_true")
    parser.add_argument("--shown-as", required=True, help="the command line, for ps(1)")
    options, rest = parser.parse_known_args(arguments)
    show_as_command_line(options.shown_as)
    invocation = Invocation.from_arguments(rest)
    try:
        config = invocation.load()
    except ConfigError as error:  # it has changed since the command read it
        end_start_with_problems(error, error.log_format)
    run_supervisor(invocation, config, served_dev_app(config) if options.dev else None, is_fork_safe=True)


def run_supervisor(
    invocation: Invocation, config: Config, dev_app: App | None, *, is_fork_safe: bool
) -> None:
    """Returns when the server has been stopped. Exits the process if it cannot run. See `supervise` for
    `is_fork_safe`."""
    obey_by_unwinding()
    try:
        supervise(
            invocation,
            config,
            lambda port: print_welcome(config, port, config.apps, dev_app),
            is_fork_safe=is_fork_safe,
        )
    except GaveUp as error:
        if error.configuration:
            end_start_with_problems(ConfigError(error.problems), config.log.format)
        end_start(str(error), config.log.format)


if __name__ == "__main__":
    main(sys.argv[1:])
