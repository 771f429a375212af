"""The same request answered both ways: as a plain one, and read the careful way. What the tests of
`PlainPublishes`, and the fuzz target `publish`, compare."""

from __future__ import annotations

import hashlib
import re

from revurb.api.asked_apps import AskedApps
from revurb.api.endpoint import Api
from revurb.api.plain_publishes import PlainPublishes
from revurb.apps import App, FixedApps
from revurb.bus.local import LocalBus
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.dispatch import Dispatch
from revurb.pusher.ports import PublishedEvent
from revurb.pusher.registry import Registry
from revurb.pusher.triggering import Trigger
from revurb.wire.http import HttpReader
from revurb.wire.response import Response
from tests.pusher.room import an_app

NOW = 1_700_000_000
MAX_AGE_S = 600
MAX_HEAD_BYTES = 2000
MAX_BODY_BYTES = 1000
MD5, LENGTH, SIGNATURE = b"{md5}", b"{length}", b"{signature}"
QUERY = b"auth_key=key1&auth_timestamp=1700000000&auth_version=1.0&body_md5={md5}&auth_signature={signature}"


class PublishRecorder(LocalBus):
    """A bus that keeps what is published, and delivers it to nobody."""

    def __init__(self) -> None:
        super().__init__(Dispatch(Registry()), MEMBER_EVENTS)
        self.published: list[PublishedEvent] = []

    def publish(self, event: PublishedEvent) -> None:
        self.published.append(event)


class BothWays:
    """Two buses with the same apps: one behind plain requests, and one behind an Api."""

    def __init__(self, *apps: App, path: str = "", max_age_s: int = MAX_AGE_S) -> None:
        configured = apps or (an_app(), an_app(id="app2", key="key2", secret="s" * 70))
        provider = AskedApps(FixedApps(configured))
        self.plain_bus, self.careful_bus = PublishRecorder(), PublishRecorder()
        self.plain = PlainPublishes(
            provider,
            Trigger(self.plain_bus, 1800),
            path=path,
            signature_max_age_s=max_age_s,
            max_head_bytes=MAX_HEAD_BYTES,
            max_body_bytes=MAX_BODY_BYTES,
            clock=lambda: NOW,
        )
        self.api = Api(
            provider,
            Trigger(self.careful_bus, 1800),
            self.careful_bus,
            path=path,
            signature_max_age_s=max_age_s,
            max_request_size_bytes=MAX_BODY_BYTES,
            clock=lambda: NOW,
        )

    def is_plain(self, data: bytes) -> bool:
        """Whether `data` is answered as a plain request. Then it is read as well, and has to come to the same."""
        self.plain_bus.published.clear()
        self.careful_bus.published.clear()
        answer = self.plain.answer(data)
        if answer is None:
            assert self.plain_bus.published == []
            return False
        reader = HttpReader(max_head_bytes=MAX_HEAD_BYTES, max_body_bytes=MAX_BODY_BYTES)
        [request] = reader.feed(data)
        assert (request.keep_alive, reader.failure, reader.idle) == (True, None, True)
        assert self.api.answer(request) == answer == Response(200, b"{}")
        assert self.plain_bus.published == self.careful_bus.published != []
        return True


def completed(data: bytes, app: App) -> bytes:
    """A request with `{md5}`, `{length}` and `{signature}` in the place of what they are."""
    head, _, body = data.partition(b"\r\n\r\n")
    head = head.replace(MD5, hashlib.md5(body).hexdigest().encode()).replace(LENGTH, b"%d" % len(body))
    found = re.match(rb"([^ ]*) ([^ ?]*)\?([^ ]*)", head)
    if found is not None:
        method, path, query = found.groups()
        signed = sorted(part for part in query.split(b"&") if not part.startswith(b"auth_signature="))
        text = b"\n".join((method, path, b"&".join(signed))).decode("latin-1")
        head = head.replace(SIGNATURE, app.sign(text).encode())
    return head + (b"\r\n\r\n" + body if b"\r\n\r\n" in data else b"")


def a_publish(
    body: bytes,
    *,
    path: bytes = b"/apps/app1/events",
    query: bytes = QUERY,
    fields: bytes = b"Content-Type: application/json\r\n",
) -> bytes:
    """A request before it is completed."""
    return b"POST %b?%b HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n%bContent-Length: {length}\r\n\r\n%b" % (
        path,
        query,
        fields,
        body,
    )
