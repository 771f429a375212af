"""Where the key of a request is."""

from __future__ import annotations

import pytest

from revurb.api.answers import ApiError
from revurb.api.idempotency import key_of
from tests.api.desk import a_request
from tests.node.test_idempotent_answers import a_publish


def test_where_the_key_is() -> None:
    assert key_of(a_publish()) is None
    assert key_of(a_publish("k")) == "k"
    assert key_of(a_publish(idempotency_key="b")) == "b"
    assert key_of(a_publish("k", idempotency_key="b")) == "k"
    assert key_of(a_publish(idempotency_key=None)) is None
    assert key_of(a_publish(data='{"idempotency_key":"inside"}')) is None
    assert key_of(a_request("POST", "/apps/1/events", b'"idempotency_key"')) is None
    assert key_of(a_request("POST", "/apps/1/events", b'{"idempotency_key"')) is None
    for wrong in (a_publish(""), a_publish("x" * 256), a_publish(idempotency_key=7)):
        with pytest.raises(ApiError):
            key_of(wrong)
