"""A signed request: the same as Pusher's own SDK sends."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from revurb.apps import App
from revurb.apps.request_signing import signed_target

# The worked example of the Pusher docs, "HTTP API: authentication".
PUSHER_APP = App(id="3", key="278d425bdf160c739803", secret="7ad3773142a6692b25b8")
PUSHER_BODY = b'{"name":"foo","channels":["project-3"],"data":"{\\"some\\":\\"data\\"}"}'


def test_the_example_of_the_pusher_docs() -> None:
    target = signed_target(PUSHER_APP, "POST", "/apps/3/events", PUSHER_BODY, 1353088179)
    assert urlsplit(target).path == "/apps/3/events"
    assert dict(parse_qsl(urlsplit(target).query)) == {
        "auth_key": "278d425bdf160c739803",
        "auth_timestamp": "1353088179",
        "auth_version": "1.0",
        "body_md5": "ec365a775a4cd0599faeb73354201b6f",
        "auth_signature": "da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c",
    }


def test_without_a_body_there_is_no_md5() -> None:
    query = parse_qsl(urlsplit(signed_target(PUSHER_APP, "GET", "/apps/3/channels", b"", 1)).query)
    assert [name for name, _ in query] == ["auth_key", "auth_timestamp", "auth_version", "auth_signature"]
