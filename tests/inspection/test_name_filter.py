from __future__ import annotations

import pytest

from revurb.inspection.name_filter import NameFilter


@pytest.mark.parametrize(
    ("text", "name", "matches"),
    [
        ("", "anything", True),
        ("order", "private-orders", True),
        ("orders", "orders", True),
        ("Orders", "orders", False),
        ("private-*", "private-orders", True),
        ("private-*", "my-private-orders", False),
        ("*.created", "order.created", True),
        ("*", "anything", True),
        ("order?", "orders", False),
    ],
)
def test_a_text_is_a_part_of_the_name_or_a_pattern_of_it(text: str, name: str, matches: bool) -> None:
    assert NameFilter(text).matches(name) == matches
