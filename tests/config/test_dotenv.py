"""`.env` as Laravel reads it. The expected values are those of vlucas/phpdotenv 5."""

from __future__ import annotations

import pytest

from revurb.config.dotenv import parse_dotenv


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        ("A=1", {"A": "1"}),
        ("A=1\nB=2\n", {"A": "1", "B": "2"}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("\ufeffA=1", {"A": "1"}),
        ("  A  =  1  ", {"A": "1"}),
        ("A=", {"A": ""}),
        ("A=   \nB=2", {"A": "", "B": "2"}),
        ("A=1\nA=2", {"A": "2"}),
        ("export A=1", {"A": "1"}),
        ("'A'=1\n\"B\"=2", {"A": "1", "B": "2"}),
        ("A.b=1", {"A.b": "1"}),
        # comments
        ("# A=1\n   # B=2\nC=3", {"C": "3"}),
        ("A=1 # one", {"A": "1"}),
        ("A=abc#def", {"A": "abc"}),
        ("A=#def", {"A": ""}),
        ("A='abc#def' # x", {"A": "abc#def"}),
        ('A="abc#def" # x', {"A": "abc#def"}),
        # quotes
        ("A='one two'", {"A": "one two"}),
        ('A="one two"', {"A": "one two"}),
        ("A=''\nB=\"\"", {"A": "", "B": ""}),
        ("A=it's", {"A": "it's"}),
        (r"A='a\nb'", {"A": r"a\nb"}),
        (r'A="a\nb\t\"c\" \\ \$"', {"A": 'a\nb\t"c" \\ $'}),
        (r"A=a\nb", {"A": r"a\nb"}),
        ('A="first\nsecond"\nB=2', {"A": "first\nsecond", "B": "2"}),
        ("A=base64:aGVsbG8=", {"A": "base64:aGVsbG8="}),
        ("A= 'x'", {"A": "x"}),
        # nested names
        ("A=1\nB=${A}", {"A": "1", "B": "1"}),
        ("A=1\nB=x${A}y${A}", {"A": "1", "B": "x1y1"}),
        ('A=1\nB="${A} ${A}"', {"A": "1", "B": "1 1"}),
        ("A=1\nB='${A}'", {"A": "1", "B": "${A}"}),
        ('A=1\nB="\\${A}"', {"A": "1", "B": "${A}"}),
        ("B=${NOT_THERE}", {"B": "${NOT_THERE}"}),
        ("B=${A}\nA=1", {"B": "${A}", "A": "1"}),
        ("B=$A", {"B": "$A"}),
        ("B=${FROM_OUTSIDE}", {"B": "outside"}),
        ("FROM_OUTSIDE=inside\nB=${FROM_OUTSIDE}", {"FROM_OUTSIDE": "inside", "B": "outside"}),
        ("B=${TRICK}", {"B": "${FROM_OUTSIDE}"}),
        # what is not an entry
        ("just words\nA=1", {"A": "1"}),
        ("A B=1\nC=2", {"C": "2"}),
        ("=1\nC=2", {"C": "2"}),
    ],
)
def test_entries(text: str, values: dict[str, str]) -> None:
    found = parse_dotenv(text, {"FROM_OUTSIDE": "outside", "TRICK": "${FROM_OUTSIDE}"})
    assert (found.values, found.broken) == (values, {})


@pytest.mark.parametrize(
    ("text", "broken", "values"),
    [
        (
            "X=1\nA=one two\nB=2",
            {"A": "line 2: a value with a space in it must be quoted"},
            {"X": "1", "B": "2"},
        ),
        ("A='open\nB=2", {"A": "line 1: a quote is not closed"}, {"B": "2"}),
        ('A="open\nB=2', {"A": "line 1: a quote is not closed"}, {"B": "2"}),
        ("A='x'y", {"A": "line 1: a value with a space in it must be quoted"}, {}),
        (
            r'A="\d"',
            {"A": 'line 1: a backslash is followed by something other than n r t f v $ " or \\'},
            {},
        ),
        ("A=1\nA='open", {"A": "line 2: a quote is not closed"}, {}),
        ("A='open\nA=1", {}, {"A": "1"}),
    ],
)
def test_an_entry_that_cannot_be_read_spoils_only_itself(
    text: str, broken: dict[str, str], values: dict[str, str]
) -> None:
    found = parse_dotenv(text, {})
    assert (found.broken, found.values) == (broken, values)
