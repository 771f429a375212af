"""The grammar of Sec-WebSocket-Extensions (RFC 6455 9.1)."""

from __future__ import annotations

import pytest

from revurb.wire.extensions import Extension, read_extensions


def test_the_examples_of_the_rfcs() -> None:
    assert read_extensions("foo") == [Extension("foo", ())]
    assert read_extensions("bar; baz=2") == [Extension("bar", (("baz", "2"),))]
    assert read_extensions("foo, bar; baz=2") == read_extensions("foo") + read_extensions("bar; baz=2")
    assert read_extensions('permessage-foo; use_y, permessage-foo; x="10"') == [
        Extension("permessage-foo", (("use_y", None),)),
        Extension("permessage-foo", (("x", "10"),)),
    ]


@pytest.mark.parametrize(
    "written",
    ["a;b=c", " a ; b = c ", "a\t;\tb\t=\tc", ",a;b=c", "a;b=c,", ", ,a;b=c , ,", 'a;b="c"', 'a;b="\\c"'],
)
def test_one_offer_in_many_ways(written: str) -> None:
    assert read_extensions(written) == [Extension("a", (("b", "c"),))]


def test_parameters_keep_their_order_and_may_come_twice() -> None:
    assert read_extensions("a; x; y=1; x; x=2") == [
        Extension("a", (("x", None), ("y", "1"), ("x", None), ("x", "2")))
    ]


@pytest.mark.parametrize("written", ["", " ", ",", " , ,"])
def test_nothing_is_offered(written: str) -> None:
    assert read_extensions(written) == []


@pytest.mark.parametrize(
    "written",
    [
        *("a b", "a;", "a;;b", "a;b=", "a;=c", "=", ";a", "a=b", "a;b=c d", "a/b", "a;b=c/d", "a\x00", "é"),
        *('a;b="', 'a;b="c', 'a;b=""', 'a;b="c d"', 'a;b="c,d"', 'a;b="c\\"', 'a;b="c"d', 'a;"b"=c', '"a"'),
    ],
)
def test_what_breaks_the_grammar(written: str) -> None:
    for field in (written, f"x, {written}", f"{written}, x"):
        with pytest.raises(ValueError, match=r"9\.1"):
            read_extensions(field)


def test_long_fields_are_read_in_linear_time() -> None:
    for piece in ("a;b=c,", 'a;b="\\c",', ";", "a;", '"', "\\", ", ", "a ", 'a;b="'):
        field = piece * (16_384 // len(piece))  # no longer head is accepted
        try:
            read_extensions(field)
        except ValueError:
            continue
