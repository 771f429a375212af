"""What Revurb and a PHP node say for the same, made comparable: the captured words without what Revurb leaves out, the
written ones without what it adds.
"""

from __future__ import annotations

import json
import re

from tests.bus.reverb import php_model

APPLICATION = re.compile(
    rb'O:26:\\"Laravel\\\\Reverb\\\\Application\\":11:\{s:5:\\"\\u0000\*\\u0000id\\";s:4:\\"(app\d).*?b:1;\}\}'
)


def only_id(app_id: str) -> str:
    """The application, serialized, as it stands in JSON."""
    serialized = f'O:26:"Laravel\\Reverb\\Application":1:{{s:5:"\0*\0id";s:4:"{app_id}";}}'
    return json.dumps(serialized)[1:-1]


def without_secret(data: bytes) -> bytes:
    """A captured message with the application as its id alone."""
    changed, count = APPLICATION.subn(lambda found: only_id(found[1].decode()).encode(), data)
    assert count == 1
    assert b"secret" not in changed
    return changed


def sent(data: bytes) -> bytes:
    """What was written, checked as PHP does, without our mark."""
    php_model.receive(data)
    before, found, mark = data.rpartition(b',"origin":')
    assert found
    assert mark == b'"revurb:n1"}'
    return before + b"}"
