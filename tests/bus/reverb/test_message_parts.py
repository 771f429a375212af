"""The application of a message, and what it tells of who sent it."""

from __future__ import annotations

import json

import pytest

from revurb.bus.reverb import php
from revurb.bus.reverb.message_parts import (
    InvalidReverbMessage,
    application_of,
    read_application,
    write_application,
    write_origin,
)
from revurb.bus.reverb.php_json import UnreadableByPhp
from revurb.bus.reverb.php_release import PhpRelease
from tests.bus.reverb.php_node import OLD_APPLICATION, captured


def test_an_application_tells_the_release() -> None:
    new = json.loads(captured("02-event-channel-1"))["application"]
    assert read_application(new) == ("app1", PhpRelease.NEW)
    assert read_application(OLD_APPLICATION) == ("app1", PhpRelease.UNCLEAR)
    assert read_application(json.loads(write_application("app1"))) == ("app1", None)  # not of a PHP node


@pytest.mark.parametrize(
    "value", [None, "app1", php.PhpObject(php.PENDING_METRIC, {}), php.PhpObject(php.APPLICATION, {"id": ""})]
)
def test_what_is_no_application(value: php.PhpValue) -> None:
    with pytest.raises(InvalidReverbMessage) as raised:
        application_of(value)
    assert raised.value.kind == str(raised.value)


def test_what_cannot_be_written() -> None:
    with pytest.raises(UnreadableByPhp):
        write_application("\ud800")
    assert write_origin("n/1") == rb'"origin":"revurb:n\/1"'
