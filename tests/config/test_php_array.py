"""PHP arrays are read, and nothing of PHP is run."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revurb.config.php_array import PhpArray, PhpSyntaxError, parse_php_array, php_value
from tests.conftest import Need

ENVIRONMENT = {"HOST": "h", "EMPTY": "", "LIST": "a, b"}


def value(expression: str) -> object:
    """The value of an expression in an array."""
    return php_value(parse_php_array(f"<?php return ['it' => {expression}];").find("it"), ENVIRONMENT.get)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("'text'", "text"),
        (r"'it\'s \\ \n'", r"it's \ \n"),
        (r'"a\n\"\$b\\"', 'a\n"$b\\'),
        (r'"a\d\'"', r"a\d\'"),
        ("10_000", 10_000),
        ("-5", -5),
        ("1.5", 1.5),
        ("TRUE", True),
        ("false", False),
        ("null", None),
        ("[1, 'b' => 2,]", [1, 2]),
        ("array(1, array())", [1, []]),
        ("env('HOST')", "h"),
        ("\\env('HOST', 'x')", "h"),
        ("env('NONE', 8080)", 8080),
        ("env('NONE')", None),
        ("env('EMPTY', 'x')", ""),
        ("(int) env('NONE', '5')", "5"),
        ("env('NONE', env('HOST'))", "h"),
        ("explode(',', env('LIST'))", ["a", "b"]),
        ("explode(',', env('NONE', 'c'))", ["c"]),
        ("explode(',', env('NONE'))", [""]),
        ("/* why */ 1 // because\n # so\n", 1),
        ("'# // no comment'", "# // no comment"),
    ],
)
def test_what_is_understood(expression: str, expected: object) -> None:
    assert value(expression) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "env('A') . 'b'", "1 + 1", "config('x.y')", "App::make(X::class)", '"a$b"', '"a{$b}"', "$x", "010", "0x1F",
        "X ? [1, 2] : [3]", "fn () => [1, 2]", "function () { return [1]; }", "env($name)", "env()", "env('A', 1, 2)",
        "explode('', 'a')", "storage_path('a')", "PHP_INT_MAX", "1_000_000_000_000_000_000_000", "new X(['a' => 1])",
        "(object) ['a' => 1]", "...$x", "-'a'", "[1][0]", "env('A') ?: 'b'", r'"\x41"', r'"\101"', r'"\u{41}"',
    ],
)  # fmt: skip
def test_what_is_not_understood_costs_one_value(expression: str) -> None:
    array = parse_php_array(f"<?php\nreturn [\n  'it' => {expression},\n  'next' => 7,\n];")
    assert array.find("next") == 7
    with pytest.raises(ValueError, match=r"^line 3: ") as caught:
        php_value(array.find("it"), ENVIRONMENT.get)
    assert str(caught.value) == f"line 3: {expression}"


def test_paths() -> None:
    array = parse_php_array("<?php return ['a' => ['b' => [5, 'c' => 6]], 'd' => f([1])];")
    assert (array.find("a.b.c"), array.find("a.b.0")) == (6, 5)
    assert array.find("a.x.c") is None
    assert array.find("a.b.c.e") is None
    assert array.find("d.e") is array.find("d")


@pytest.mark.parametrize(
    "text",
    [
        "", "<?php", "<?php return 5;", "<?php return", "<?php return [1", "<?php return ['a' => f(1, ];",
        "<?php $a = [1];", "<?php return ['a' => 1 ]2];", "<?php return " + "[" * 5000, "<?php return " + "f(" * 5000,
        "return [;]",
        "<?php return " + "[" * 40 + "]" * 40 + ";",
    ],
)  # fmt: skip
def test_what_is_no_array(text: str) -> None:
    with pytest.raises(PhpSyntaxError):
        parse_php_array(text)


@given(st.text(alphabet="[](){}=>,;'\"\\$ \nreturnenv0123/*#?<php-.", max_size=200))
def test_any_text_is_an_array_or_an_error(text: str) -> None:
    try:
        array = parse_php_array(f"<?php return [{text}];")
    except PhpSyntaxError:
        return
    assert isinstance(array, PhpArray)


@pytest.mark.parametrize("text", ["'a' => f(b(c)),\n" * 10_000, "/*" * 200_000, "'" + "\\'" * 200_000])
def test_a_long_file_takes_as_long_as_it_is(text: str) -> None:
    with pytest.raises(PhpSyntaxError):  # where its square were the measure, this would take minutes
        parse_php_array(f"<?php return [{text}")


def test_the_file_that_reverb_publishes_is_understood_as_php_does(need: Need) -> None:
    path = Path(__file__).parent / "laravel" / "reverb.php"
    program = (
        "function env($name, $fallback = null) { return getenv($name) ?: $fallback; }"
        f"echo json_encode(require '{path}');"
    )
    done = subprocess.run(
        [need("php"), "-r", program], capture_output=True, text=True, check=True, timeout=30
    )
    by_php = json.loads(done.stdout)
    array = parse_php_array(path.read_text())

    def compare(expected: object, at: str) -> int:
        if isinstance(expected, dict):
            return sum(compare(inner, f"{at}.{key}") for key, inner in expected.items())
        if at.endswith("useTLS"):  # a comparison
            return 0
        assert php_value(array.find(at[1:]), lambda name: None) == expected, at
        return 1

    assert compare({**by_php, "apps": {"apps": {"0": by_php["apps"]["apps"][0]}}}, "") > 30
