"""The list of licences is current, and each is free."""

from __future__ import annotations

from tests.packages.licences import FREE, PAGE, licences, page


def test_each_is_free() -> None:
    found = licences()
    assert "uvloop" in found
    assert {name: text for name, text in found.items() if not any(free in text for free in FREE)} == {}


def test_the_page_names_all() -> None:
    """Not with their licences word for word: a newer release may spell them otherwise."""
    names = [line.split(" | ")[0] for line in page().splitlines() if line.startswith("| ")]
    assert [line.split(" | ")[0] for line in PAGE.read_text().splitlines() if line.startswith("| ")] == names
