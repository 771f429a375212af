"""Links in the documents lead somewhere, and the files and names that they mention exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.imports import ROOT

PROJECT = ROOT.parent
FOLDERS = ("docs", "examples", "benchmarks")
DOCUMENTS = sorted(
    path
    for path in (
        *PROJECT.glob("*.md"),
        *(path for name in FOLDERS for path in (PROJECT / name).rglob("*.md")),
    )
    if "node_modules" not in path.parts
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
# Files that are described by name: `bus/local.py`, `tests/bus/engines.py`.
FILE = re.compile(r"`([\w./-]+/[\w.-]*\.(?:py|pyx|pyi|md|json|svg|toml|yaml|conf))`")
PROTOCOL = {"auth", "channel_data", "member_added", "member_removed", "subscription_succeeded"}
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


@pytest.mark.parametrize("name", ["docs/architecture.md", "CONTRIBUTING.md", "README.md"])
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
    for name in set(re.findall(r"`([A-Z]\w+)`", text)) - {"Makefile", "TYPE_CHECKING"}:
        assert re.search(rf"^ *(class {name}\b|{name}(: [\w\[\], ]+)? = )", everything, re.MULTILINE), name
    for name in set(re.findall(r"`([a-z_]+)`", text)) - PROTOCOL:
        assert re.search(rf"\b(def |cdef |class |self\.)?{name}\b", everything), name


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_commands_that_are_mentioned_exist(name: str) -> None:
    targets = set(re.findall(r"^([\w-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make\s+([\w-]+)", (PROJECT / name).read_text())) <= targets


def test_every_threat_has_its_tests() -> None:
    """Each row names tests, file and function, and they are there."""
    rows = (PROJECT / "SECURITY.md").read_text().partition("## Threats")[2].splitlines()
    threats = [row for row in rows if row.startswith("| ") and not row.startswith("| vector")]
    assert threats
    for row in threats:
        named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row)
        assert named, row
        for path, function in named:
            assert re.search(rf"def {function}\b", (PROJECT / path).read_text()), f"{path}::{function}"
