"""The words for a connection that failed."""

from __future__ import annotations

import socket
import ssl

import pytest

from revurb.observe.connection_errors import describe_error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 1)"), "connection refused"),
        (TimeoutError(), "no answer within 10 s"),
        (socket.gaierror(-2, "Name or service not known"), "name or service not known"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), "TLS failed: "),
        (OSError("Multiple exceptions"), "Multiple exceptions"),
        (ValueError(), "ValueError"),
    ],
)
def test_reasons_are_few_words(error: Exception, words: str) -> None:
    assert describe_error(error, 10.0).startswith(words)
