"""The examples of `--help` are commands that work: their verbs, arguments and flags exist."""

from __future__ import annotations

import shlex

import click
import pytest

from revurb.cli.examples import EXAMPLES
from revurb.cli.main import VERBS, main
from tests.cli.conftest import Project

COMMANDS = [command for rows in EXAMPLES.values() for command, _ in rows if "COMMAND" not in command]


@pytest.mark.parametrize("command", COMMANDS)
def test_an_example_is_a_command_that_can_be_parsed(command: str) -> None:
    words = shlex.split(command.partition("| ")[2] or command)
    assert words[0] == "revurb"
    context, found = click.Context(main), main.get_command(click.Context(main), words[1])
    words = words[2:]
    if isinstance(found, click.Group):
        found = found.get_command(context, words.pop(0))
    assert found is not None
    found.make_context("revurb", words)  # raises UsageError for a flag or an argument that it does not take


def test_every_verb_has_examples() -> None:
    assert VERBS.keys() <= EXAMPLES.keys()


@pytest.mark.parametrize("verb", EXAMPLES)
def test_they_are_at_the_end_of_its_help_within_80_columns(project: Project, verb: str) -> None:
    help = project.run(*verb.split(), "--help").output
    shown = help.partition("Examples:\n")[2]
    for command, what in EXAMPLES[verb]:
        assert command in shown
        assert what in shown
    assert max(map(len, shown.splitlines())) <= 80
