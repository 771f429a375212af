"""docs/commands.md is what the commands say of themselves."""

from __future__ import annotations

from pathlib import Path

import click

from revurb.cli.command_reference import command_reference, commands
from revurb.cli.examples import EXAMPLES
from revurb.cli.main import main

DOCUMENT = Path(__file__).parents[2] / "docs" / "commands.md"
ALL = dict(commands(click.Context(main, info_name="revurb")))


def test_the_page_is_up_to_date() -> None:
    assert DOCUMENT.read_text("utf-8") == command_reference(), "run: make docs"


def test_every_command_has_examples_and_a_sentence() -> None:
    assert set(ALL) <= set(EXAMPLES)
    first_lines = {name: (command.help or "").strip().partition("\n\n")[0] for name, command in ALL.items()}
    assert [name for name, line in first_lines.items() if not line.endswith(".")] == []


def test_what_prints_a_table_or_a_state_prints_json_too() -> None:
    with_json = {
        name for name, command in ALL.items() if any("--json" in option.opts for option in command.params)
    }
    assert with_json == {
        "status", "top", "health", "doctor", "apps list", "apps add", "apps rotate-secret", "config show",
        "config check", "trigger", "listen", "bench", "webhooks test",
    }  # fmt: skip
