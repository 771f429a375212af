"""Generates docs/commands.md, the page of all commands, from the commands themselves.

python -m revurb.cli.command_reference > docs/commands.md      # make docs does that
"""

from __future__ import annotations

from collections.abc import Iterator

import click

from revurb.cli.examples import EXAMPLES
from revurb.cli.exit_codes import EXIT_CODES, codes_of
from revurb.cli.main import ALIASES, main

INTRODUCTION = """\
# Commands

<!-- Printed by `python -m revurb.cli.command_reference`; edit revurb/cli/, not this file. -->

Every command of `revurb`, with its options and examples; `revurb COMMAND --help` shows the same. Commands read the
configuration as the server does ([configuration](configuration.md)); those that look for a server that runs here find
it by its control socket, and need none.

- On a terminal there are tables and colours, as wide as it is; `NO_COLOR=1` takes the colours away. Elsewhere tables
  are plain, one line for each row, and nothing is shown of how far something is. `--json` is for programs.
- An error is one line on standard error, `Error: ` ahead of it, that says what to do. Of a configuration it is one for
  each problem.
- `revurb completion install` has the Tab key complete commands and options.
"""


def command_reference() -> str:
    """The whole document, which ends in a line end."""
    context = click.Context(main, info_name="revurb")
    parts = [INTRODUCTION, _exit_codes(), _list(context)]
    for name, command in commands(context):
        parts.append(_section(name, command, context))
    return "\n".join(parts)


def commands(context: click.Context) -> Iterator[tuple[str, click.Command]]:
    """All commands by their names, such as "apps list", groups before their own."""
    for verb in main.list_commands(context):
        command = main.get_command(context, verb)
        assert command is not None
        yield verb, command
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                below = command.get_command(context, name)
                assert below is not None
                yield f"{verb} {name}", below


def _exit_codes() -> str:
    rows = [f"| {code} | {text} |" for code, text in EXIT_CODES.items()]
    return "\n".join(("## Exit codes", "", "| code | what it says |", "|--:|---|", *rows, ""))


def _list(context: click.Context) -> str:
    rows = [
        f"| [`revurb {name}`](#revurb-{name.replace(' ', '-')}) | {command.get_short_help_str(limit=200)} |"
        for name, command in commands(context)
    ]
    return "\n".join(("## All commands", "", "| command | what it does |", "|---|---|", *rows, ""))


def _section(name: str, command: click.Command, context: click.Context) -> str:
    own = click.Context(command, info_name=f"revurb {name}")
    paragraphs = [" ".join(part.split()) for part in (command.help or "").replace("\b", "").split("\n\n")]
    lines = [f"## revurb {name}", "", "\n\n".join(paragraphs), ""]
    also = [alias for alias, verb in ALIASES.items() if verb == name]
    if also:
        lines += [f"Also: `revurb {also[0]}`.", ""]
    if not isinstance(command, click.Group):
        usage = " ".join(command.collect_usage_pieces(own))
        lines += [f"    revurb {name} {usage}", ""]
        records = [record for parameter in command.params if (record := parameter.get_help_record(own))]
        if records:
            lines += ["| option | what it is |", "|---|---|"]
            lines += [f"| `{_cell(flag)}` | {_cell(' '.join(text.split()))} |" for flag, text in records]
            lines.append("")
    if name in EXAMPLES:
        rows = EXAMPLES[name]
        width = max(len(example) for example, _ in rows)
        lines += [f"    {example:<{width}}  # {what}" if what else f"    {example}" for example, what in rows]
        lines.append("")
    if not isinstance(command, click.Group):
        lines += [f"Exit codes: {', '.join(map(str, codes_of(name)))}.", ""]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    click.echo(command_reference(), nl=False)
