"""The sequences of docs/channels.md are as they are drawn."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from tests.architecture.sequence_pictures import FOLDER, SEQUENCES, draw_sequence


@pytest.mark.parametrize("name", SEQUENCES)
def test_the_picture_is_current(name: str) -> None:
    drawn = draw_sequence(SEQUENCES[name])
    assert (FOLDER / name).read_text() == drawn, "run `make docs`"
    ElementTree.fromstring(drawn)
    assert name in (FOLDER / "channels.md").read_text()
