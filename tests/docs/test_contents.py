"""Every page of docs/ is in the contents of the site: Sphinx warns of one that is not, and `make site` fails."""

from __future__ import annotations

from tests.docs.snippets import ROOT


def test_every_page_is_in_the_contents() -> None:
    contents = (ROOT / "docs" / "index.md").read_text().splitlines()
    pages = {page.stem for page in (ROOT / "docs").glob("*.md")} - {"index"}
    assert pages - set(contents) == set()
