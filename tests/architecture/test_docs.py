"""Links in the documents lead somewhere, and the files and names that they mention exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.imports import ROOT

PROJECT = ROOT.parent
DOCUMENTS = sorted(
    [*PROJECT.glob("*.md"), *(PROJECT / "docs").glob("*.md"), *(PROJECT / "examples").rglob("*.md")]
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
# Files that are described by name: `bus/local.py`, `tests/bus/engines.py`.
FILE = re.compile(r"`([\w./-]+/[\w.-]*\.(?:py|pyx|pyi|md|json|svg|toml|yaml|conf))`")
CALLED = re.compile(r"`(\w+)\.(\w+)`")


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_links_lead_somewhere(document: Path) -> None:
    broken = []
    for link in LINK.findall(document.read_text()):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("name", ["docs/architecture.md", "CONTRIBUTING.md", "SECURITY.md", "README.md"])
def test_files_that_are_mentioned_exist(name: str) -> None:
    text = (PROJECT / name).read_text()
    mentioned = set(FILE.findall(text))
    assert mentioned or name == "README.md"
    missing = [path for path in mentioned if not any((base / path).exists() for base in (ROOT, PROJECT))]
    assert missing == []


def test_names_in_the_architecture_page_exist() -> None:
    """`Class.attribute`, and what stands in brackets behind a file: `bus/engine.py` (`BusHealth`)."""
    text = (PROJECT / "docs/architecture.md").read_text()
    sources = {path: path.read_text() for path in [*ROOT.rglob("*.py"), *ROOT.rglob("*.pyx")]}
    everything = "\n".join(sources.values())
    for owner, attribute in CALLED.findall(text):
        if owner[0].isupper() and attribute != "md":
            holding = [
                source for source in sources.values() if re.search(rf"^class {owner}\b", source, re.MULTILINE)
            ]
            assert len(holding) == 1, owner
            assert re.search(rf"\b(def {attribute}\b|{attribute}\b *[:=])", holding[0]), (
                f"{owner}.{attribute}"
            )
    for path, names in re.findall(r"`([\w/]+\.pyx?)`\s+\(((?:`[\w.]+`(?:, )?)+)\)", text):
        for named in re.findall(r"`(?:\w+\.)?(\w+)`", names):
            assert re.search(rf"\b{named}\b", (ROOT / path).read_text()), f"{path}: {named}"
    for camel in set(re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+)`", text)):
        assert re.search(rf"\bclass {camel}\b", everything), camel
