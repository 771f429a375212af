"""Tables on the terminal. Texts from elsewhere (other nodes, Redis, the environment) are shown as they are.

Rule: cells are `Text`, never strings. A string is markup to rich, and escaped markup is still not shown as it was:
`:x:` becomes an emoji, and backslashes before a bracket double.
"""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

from revurb.observe.printable import escape_unprintable

FILE_WIDTH = 4096  # output that is no terminal has no width, and a program expects one line for one row


def cell(text: str, style: str = "") -> Text:
    """`text` on one line, without control characters; in `style` unless that is empty."""
    return Text().append(escape_unprintable(text), style)  # the padding of the cell has no style


def print_table(table: Table) -> None:
    """Print to standard output, as wide as the terminal; folded nowhere if it is none, and without blanks at the ends
    of lines."""
    if sys.stdout.isatty():
        Console().print(table)
        return
    console = Console(width=FILE_WIDTH)
    with console.capture() as captured:
        console.print(table)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))
