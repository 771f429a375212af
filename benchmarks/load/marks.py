"""Parts of documents that are written from records, between two marks, and nowhere else."""

from __future__ import annotations

from pathlib import Path


def with_part(text: str, mark: str, part: str) -> str:
    """`text` with `part` between `<!-- mark -->` and `<!-- /word -->`, the word before the mark's colon.

    Raises ValueError if a mark is gone.
    """
    begin, end = f"<!-- {mark} -->\n", f"<!-- /{mark.partition(':')[0]} -->\n"
    before, found_begin, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end):
        raise ValueError(f"a document has lost its marks {begin.strip()} and {end.strip()}")
    return f"{before}{begin}\n{part}\n{end}{after}"


def rewrite(document: Path, mark: str, part: str) -> None:
    document.write_text(with_part(document.read_text(), mark, part))
