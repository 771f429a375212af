"""POST /apps/{id}/events as SDKs send it, answered without a Request: what is unusual about one is left to
endpoint.py, which would have made the same answer of the others, and the same events, in three times the time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from revurb.api.answers import EMPTY
from revurb.api.asked_apps import AskedApps
from revurb.api.events import NOT_KEPT, sent_response
from revurb.apps import App
from revurb.pusher.ports import MaybeAwaitable
from revurb.pusher.triggering import Trigger
from revurb.wire.plain_publish import Md5, SigningKey, cut_publish
from revurb.wire.response import DeferredResponse, Response

MAX_KEYS = 1024  # of apps; then all are made again


class _Key(NamedTuple):
    """An app's key and its secret, as they were when this was made of it."""

    app: App
    key: bytes
    signing_key: SigningKey


class PlainPublishes:
    """Publishes the events of plain requests. Its limits are those of whoever reads the others, and answers them by the
    same `apps`.

    Raises RuntimeError where Python's hashlib has no OpenSSL, or that refuses MD5: then all requests are to be read.
    """

    def __init__(
        self,
        apps: AskedApps,
        trigger: Trigger,
        *,
        path: str,
        signature_max_age_s: int,
        max_head_bytes: int,
        max_body_bytes: int,
        clock: Callable[[], float],
    ) -> None:
        self._apps = apps
        self._find_app = apps.provider.find_by_id
        self._trigger = trigger
        self._prefix = path.encode()
        self._max_age_s = signature_max_age_s
        self._max_head_bytes = max_head_bytes
        self._max_body_bytes = max_body_bytes
        self._clock = clock
        self._md5 = Md5()
        self._keys: dict[str, _Key] = {}

    def answer(self, data: bytes) -> MaybeAwaitable[Response] | None:
        """The answer to the request that `data` is, if that is a plain one, and signed; else None, and nothing has been
        done."""
        publish = cut_publish(data, self._prefix, self._max_head_bytes, self._max_body_bytes)
        if publish is None:
            return None
        app = self._find_app(publish.app_id)
        if isinstance(app, App) and app.limits is None and app.is_enabled:
            known = self._keys.get(app.id)
            if known is None or known.app is not app:
                known = self._learn(app, known)
            if publish.is_signed(known.key, known.signing_key, self._md5, self._clock(), self._max_age_s):
                accepted = self._trigger.send_text(app, publish.channel, publish.text, publish.socket_id)
                if accepted is None:
                    return EMPTY
                return NOT_KEPT if isinstance(accepted, str) else DeferredResponse(accepted, sent_response)
        self._apps.leave(publish.app_id, app)  # for whoever reads the request now
        return None

    def _learn(self, app: App, before: _Key | None) -> _Key:
        if before is not None and (before.app.key, before.app.secret) == (app.key, app.secret):
            known = before._replace(app=app)  # a provider may make an App for each request
        else:
            if len(self._keys) >= MAX_KEYS:
                self._keys.clear()
            known = _Key(app, app.key.encode(), SigningKey(app.secret.encode()))
        self._keys[app.id] = known
        return known
