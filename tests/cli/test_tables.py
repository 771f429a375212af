"""Tables whose texts come from elsewhere."""

from __future__ import annotations

import pytest
from rich.table import Table

from revurb.cli.tables import FILE_WIDTH, cell, print_table

TEXTS = [
    "[/x]",
    "a[red]b",
    "[bold]",
    "a\\[b]",
    "\\",
    "[",
    ":x: :warning:",
    "[link=http://x]y[/link]",
    "[@click=f]z",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_never_markup(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row(cell(text), cell(text, "red"))
    print_table(table)
    assert capsys.readouterr().out == f"{text}  {text}\n"


def test_control_characters_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row(cell("a\x9b2J\nb"))
    print_table(table)
    assert capsys.readouterr().out == "a\\x9b2J\\nb\n"


def test_a_long_row_is_one_line_without_blanks_at_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row(cell("x" * (FILE_WIDTH - 100)), cell("short"))
    table.add_row(cell("y"), cell("longer than short"))
    print_table(table)
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("x short"[1:])
    assert second.endswith("short")
