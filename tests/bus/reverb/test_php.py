"""PHP's serialisation: what PHP nodes sent is read, what is written they can read, and all else is refused soon."""

from __future__ import annotations

import contextlib
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revurb.bus.reverb.php import (
    APPLICATION,
    MAX_BYTES,
    MAX_DEPTH,
    METRIC_TYPE,
    PENDING_METRIC,
    InvalidPhpData,
    PhpCase,
    PhpObject,
    PhpReader,
    PhpValue,
    read,
    write,
    write_case,
    write_object,
)
from tests.bus.reverb import php_model
from tests.bus.reverb.arbitrary import unhurried
from tests.bus.reverb.php_node import CAPTURES, captured

ID = b's:5:"\0*\0id";s:4:"app1";'
ONLY_ID = b'O:26:"Laravel\\Reverb\\Application":1:{%b}' % ID


def serialized(name: str) -> bytes:
    message = json.loads(captured(name))
    text: str = message["payload"] if message["type"] == "metrics" else message["application"]
    return text.encode()


SERIALIZED = sorted(
    path.stem
    for path in CAPTURES.iterdir()
    if json.loads(path.read_bytes())["type"] in ("message", "terminate", "metrics")
)


def plain(value: Any) -> Any:
    """As the tests' own reader says it."""
    match value:
        case PhpObject(name, properties):
            return name, {key: plain(each) for key, each in properties.items()}
        case PhpCase(name, case):
            return name, case
        case dict():
            return {key: plain(each) for key, each in value.items()}
    return value


@pytest.mark.parametrize("name", SERIALIZED)
def test_what_php_nodes_sent_is_read(name: str) -> None:
    data = serialized(name)
    assert plain(read(data)) == php_model.unserialize(data.decode())


def test_a_captured_application_in_full() -> None:
    value = read(serialized("11b-event-app3-1"))
    assert isinstance(value, PhpObject)
    assert value.class_name == APPLICATION
    assert value.properties["id"] == "app3"
    assert value.properties["maxConnections"] == 1
    assert value.properties["allowedOrigins"] == {0: "*"}
    assert value.properties["rateLimiting"] == {
        "enabled": False,
        "max_attempts": 60,
        "decay_seconds": 60,
        "terminate_on_limit": False,
    }


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"N;", None),
        (b"b:1;", True),
        (b"i:-9223372036854775808;", -(2**63)),
        (b"d:0.5;", 0.5),
        (b"d:1.0E+25;", 1e25),
        (b"d:-INF;", float("-inf")),
        ('s:3:"é!";'.encode(), "é!"),
        (b's:2:"";";', '";'),
        (b"a:0:{}", {}),
    ],
)
def test_values(data: bytes, value: PhpValue) -> None:
    assert read(data) == value


REFUSED = {
    "nothing": b"",
    "cut": ONLY_ID[:-1],
    "more": ONLY_ID + b"}",
    "a reference": b"a:2:{i:0;N;i:1;R:2;}",
    "an object reference": b"a:1:{i:0;r:1;}",
    "another class": b'O:8:"stdClass":0:{}',
    "another class in it": b'O:26:"Laravel\\Reverb\\Application":1:{s:5:"\0*\0id";O:8:"stdClass":0:{}}',
    "a custom object": b'C:11:"ArrayObject":21:{x:i:0;a:0:{};m:a:0:{}}',
    "another enum": b'E:11:"Suit:Hearts";',
    "an enum without a case": b'E:44:"Laravel\\Reverb\\Protocols\\Pusher\\MetricType:";',
    "a class in lower case": ONLY_ID.replace(b"Laravel", b"laravel"),
    "a leading backslash": b'O:27:"\\Laravel\\Reverb\\Application":1:{%b}' % ID,
    "a public property": b'O:26:"Laravel\\Reverb\\Application":1:{s:2:"id";s:4:"app1";}',
    "a property of another class": b'O:26:"Laravel\\Reverb\\Application":1:{s:5:"\0A\0id";s:4:"app1";}',
    "a property twice": b'O:26:"Laravel\\Reverb\\Application":2:{%b%b}' % (ID, ID),
    "a key twice": b"a:2:{i:0;N;i:0;N;}",
    "a key that is none": b"a:1:{b:1;N;}",
    "a key that is an array": b"a:1:{a:0:{}N;}",
    "too long a string": b's:5:"abcd";',
    "too short a string": b's:3:"abcd";',
    "a string of 9 EB": b's:9223372036854775807:"a";',
    "a string of 999 MB": b's:999999999:"a";',
    "a negative length": b's:-1:"";',
    "a length with a plus": b's:+1:"a";',
    "a length with a zero": b's:01:"a";',
    "half a character": b's:1:"\xc3";',
    "a binary string": b'S:1:"a";',
    "an integer with a zero": b"i:01;",
    "an integer with a plus": b"i:+1;",
    "minus zero": b"i:-0;",
    "no digits": b"i:;",
    "an endless number": b"i:" + b"1" * 100_000 + b";",
    "a number of many digits": b"i:" + b"1" * 20 + b";",
    "another boolean": b"b:2;",
    "a count of 2 G": b"a:2147483648:{}",
    "a count of 999 M": b"a:999999999:{}",
    "a count beyond the end": b"a:2:{i:0;N;}",
    "a negative count": b"a:-1:{}",
    "a huge object": b'O:26:"Laravel\\Reverb\\Application":99999999:{%b}' % ID,
    "deep": b"a:1:{i:0;" * 20 + b"N;" + b"}" * 20,
    "very deep": b"a:1:{i:0;" * 50_000 + b"N;" + b"}" * 50_000,
    "deep and open": b"a:1:{i:0;" * 100_000,
    "too much": b's:%d:"%b";' % (MAX_BYTES, b"a" * MAX_BYTES),
    "spaces": b" N;",
    "JSON": b'{"id":"app1"}',
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_all_else_is_refused(data: bytes) -> None:
    reader = PhpReader(data)
    with pytest.raises(InvalidPhpData):
        reader.read()
    assert reader.values <= 20
    assert len(data) > MAX_BYTES or reader.offset <= len(data) + 2


def test_what_is_as_long_and_as_deep_as_is_allowed_is_read() -> None:
    around = len(b's:%d:"";' % MAX_BYTES)
    text = "a" * (MAX_BYTES - around)
    assert read(write(text)) == text
    with pytest.raises(InvalidPhpData, match="too long"):
        read(write(text + "a"))
    read(b"a:1:{i:0;" * MAX_DEPTH + b"N;" + b"}" * MAX_DEPTH)
    with pytest.raises(InvalidPhpData, match="too deep"):
        read(b"a:1:{i:0;" * (MAX_DEPTH + 1) + b"N;" + b"}" * (MAX_DEPTH + 1))


def test_the_work_is_in_proportion_to_the_bytes() -> None:
    """The cheapest value takes two bytes, so there is a bound for whatever is claimed."""
    for count in (100, 1_000, 15_000):
        data = b"a:%d:{%b}" % (count, b"".join(b"i:%d;N;" % index for index in range(count)))
        reader = PhpReader(data)
        reader.read()
        assert reader.values == 2 * count + 1
        wide = PhpReader(data[:-1])
        with pytest.raises(InvalidPhpData):
            wide.read()
        assert wide.values <= len(data) // 2


@unhurried
@given(st.binary(max_size=200))
def test_noise_is_refused_or_read(data: bytes) -> None:
    reader = PhpReader(data)
    with contextlib.suppress(InvalidPhpData):
        reader.read()
    assert reader.values <= len(data) + 1


@unhurried
@given(st.sampled_from(SERIALIZED), st.randoms(use_true_random=False))
def test_damage_is_refused_or_read_as_php_reads_it(name: str, dice: random.Random) -> None:
    data = bytearray(serialized(name))
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(data))
        match dice.randrange(4):
            case 0:
                data[at] = dice.randrange(256)
            case 1:
                del data[at : at + dice.randint(1, 20)]
            case 2:
                data[at:at] = dice.choice((b"0", b":", b";", b"}", b'"', b"a:1:{", b"\0", b"9" * 9))
            case 3:
                data[at:at] = data[dice.randrange(len(data)) :][:30]
    reader = PhpReader(bytes(data))
    try:
        value = reader.read()
    except InvalidPhpData:
        return
    finally:
        assert reader.values <= len(data)
    # What is not refused means to PHP what it means to us, where the tests' reader takes it at all.
    try:
        expected = php_model.unserialize(bytes(data).decode())
    except (php_model.Fatal, UnicodeDecodeError):
        return
    assert plain(value) == expected


TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)


@unhurried
@given(TEXTS, st.lists(TEXTS, max_size=5), st.dictionaries(TEXTS, st.none() | TEXTS, max_size=5))
def test_what_is_written_can_be_read(text: str, texts: list[str], pairs: dict[str, str | None]) -> None:
    assert php_model.unserialize(write(text).decode()) == read(write(text)) == text
    listed = dict(enumerate(texts))
    assert php_model.unserialize(write(texts).decode()) == read(write(texts)) == listed
    assert php_model.unserialize(write(pairs).decode()) == read(write(pairs)) == pairs
    application = write_object(APPLICATION, {"id": write("app1" + text)})
    assert php_model.unserialize(application.decode()) == (APPLICATION, {"id": "app1" + text})


def test_the_words_are_phps_own() -> None:
    application = serialized("12-metrics-connections-1").partition(b'"\0*\0application";')[2]
    application = application[: application.index(b's:7:"\0*\0type"')]
    question = write_object(
        PENDING_METRIC,
        {
            "subscribers": write(None),
            "data": write([]),
            "key": write("SJ1PiFU2w2"),
            "application": application,
            "type": write_case(METRIC_TYPE, "CONNECTIONS"),
            "options": write({}),
        },
    )
    assert question == serialized("12-metrics-connections-1")
    assert write_object(APPLICATION, {"id": write("app1")}) == ONLY_ID


def test_the_tests_own_reader_is_strict() -> None:
    for name, data in REFUSED.items():
        if name in ("deep", "very deep", "deep and open", "too much"):
            continue  # PHP reads those; they are refused for their size
        with pytest.raises((php_model.Fatal, UnicodeDecodeError)):
            php_model.unserialize(data.decode())


def test_every_capture_is_valid() -> None:
    names = sorted(Path(CAPTURES).iterdir())
    assert len(names) == 52
    for path in names:
        php_model.receive(path.read_bytes())
