"""A publish that is cut whole has the parts that it has when it is read."""

from __future__ import annotations

import hashlib
import json

from revurb.wire.http import HttpReader
from revurb.wire.plain_publish import Md5, SigningKey, cut_publish
from tests.api.both_ways import NOW, a_publish, completed
from tests.pusher.room import an_app


def test_the_parts_are_those_of_the_request() -> None:
    data = completed(a_publish(b'{"name":"e","data":"{}","channels":["c"]}'), an_app())
    publish = cut_publish(data, b"", 1000, 1000)
    [request] = HttpReader(max_head_bytes=1000, max_body_bytes=1000).feed(data)
    assert publish is not None
    assert request.path == f"/apps/{publish.app_id}/events"
    assert json.loads(request.body)["channels"] == [publish.channel]
    assert f"body_md5={Md5().of(request.body)}&" in request.query
    assert Md5().of(request.body) == hashlib.md5(request.body).hexdigest()
    assert publish.is_signed(b"key1", SigningKey(b"secret1"), Md5(), NOW, 600)
