"""What counts as passing the Autobahn suite."""

from __future__ import annotations

import pytest

from tests.conformance.autobahn_report import NOT_NEGOTIATED, faults, table

OK = ("OK", "OK")


def test_ok_and_the_suites_own_informational_cases_pass() -> None:
    assert faults({"1.1.1": OK, "7.1.6": ("INFORMATIONAL", "INFORMATIONAL")}) == []


@pytest.mark.parametrize("word", ["FAILED", "NON-STRICT", "UNCLEAN", "UNIMPLEMENTED", "INFORMATIONAL"])
def test_everything_else_fails(word: str) -> None:
    assert faults({"1.1.1": (word, "OK")}) == [f"1.1.1: {word}, closing OK"]
    assert faults({"1.1.1": ("OK", word)}) == [f"1.1.1: OK, closing {word}"]


def test_compression_is_negotiated_for_all_cases_or_for_none() -> None:
    assert faults({"12.1.1": NOT_NEGOTIATED, "13.1.1": NOT_NEGOTIATED}) == []
    assert faults({"12.1.1": OK, "13.1.1": NOT_NEGOTIATED}) == ["13.1.1: UNIMPLEMENTED, closing OK"]
    assert faults({"12.1.1": ("FAILED", "OK"), "13.1.1": NOT_NEGOTIATED}) != []


def test_a_row_for_each_section_and_one_for_all() -> None:
    rows = table({"1.1.1": OK, "1.2.1": ("OK", "UNCLEAN"), "12.1.1": NOT_NEGOTIATED}).splitlines()[2:]
    assert rows == [
        "| 1 | Framing | 2 | 1 | 0 | 0 | 1 |",
        "| 12 | permessage-deflate, payloads | 1 | 0 | 0 | 1 | 0 |",
        "|  | all | 3 | 1 | 0 | 1 | 1 |",
    ]
