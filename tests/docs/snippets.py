"""The pieces of code in the documentation: where they stand, in which language, and what they say."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FOLDERS = ("docs", "examples", "benchmarks", "revurb")
PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *(path for name in FOLDERS for path in (ROOT / name).rglob("*.md")))
    if "node_modules" not in path.parts and path.name != "CHANGELOG.md"
)
FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^    [^\n]*\n?)+", re.MULTILINE)


class Snippet(NamedTuple):
    """A block of code on a page. `language` is "" for one that is only indented."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def snippets(page: Path) -> Iterator[Snippet]:
    """All blocks of a page."""
    text = page.read_text()
    for match in FENCE.finditer(text):
        yield Snippet(page, text.count("\n", 0, match.start()) + 1, match[2] or "text", match[3])
    without = FENCE.sub(lambda match: re.sub(r"[^\n]", "", match[0]), text)
    for match in INDENTED.finditer(without):
        code = "\n".join(line[4:] for line in match[0].splitlines())
        if code.strip():
            yield Snippet(page, without.count("\n", 0, match.start()) + 1, "", code)


def of_language(*languages: str) -> list[Snippet]:
    """All blocks of these languages."""
    return [snippet for page in PAGES for snippet in snippets(page) if snippet.language in languages]


def commands(snippet: Snippet, program: str) -> Iterator[list[str]]:
    """The arguments of each command line that calls `program`, without variables before and comments behind it."""
    for line in snippet.text.replace("\\\n", " ").splitlines():
        words = shlex.split(line.removeprefix("$ ").strip(), comments=True) if _is_shell(line) else []
        while words and re.fullmatch(r"\w+=.*", words[0]):
            words.pop(0)
        if words and words[0].rpartition("/")[2] == program:
            ends = [index for index, word in enumerate(words) if word in ("&", "|", ">", ">>", "&&", ";")]
            yield words[1 : ends[0] if ends else None]


def _is_shell(line: str) -> bool:
    try:
        shlex.split(line, comments=True)
    except ValueError:
        return False
    return True
