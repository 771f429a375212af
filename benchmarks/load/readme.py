"""The README's figures: written from the recording, between two marks, and nowhere else."""

from __future__ import annotations

from pathlib import Path

from benchmarks.load.recording import Recording
from benchmarks.load.table import headlines

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- figures: make bench -->\n", "<!-- /figures -->\n"


def with_figures(text: str, recording: Recording) -> str:
    """The README's text with the recording's figures in it. Raises ValueError if the marks are gone."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"README.md has lost its marks {BEGIN.strip()} and {END.strip()}")
    return f"{before}{begin}\n{headlines(recording)}\n{end}{after}"


def rewrite(recording: Recording, readme: Path = README) -> None:
    readme.write_text(with_figures(readme.read_text(), recording))
